import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// What needs Debian's Postgres and `pgbouncer` on the machine.
export default defineConfig({ ...shared, test: { ...shared.test, include: ['e2e/**/*.test.ts'] } });
