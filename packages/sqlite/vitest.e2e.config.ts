import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// Processes that are killed behind every append: half a minute.
export default defineConfig({ ...shared, test: { ...shared.test, include: ['e2e/**/*.test.ts'] } });
