import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// Server processes that share a log: one SQLite file, or a `redis-server` of the machine.
export default defineConfig({ ...shared, test: { ...shared.test, include: ['e2e/**/*.test.ts'] } });
