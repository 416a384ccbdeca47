import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// Processes that are killed behind every second append.
export default defineConfig({
  ...shared,
  test: { ...shared.test, include: ['e2e/**/*.test.ts'], globalSetup: 'test/support/bundle-workers.ts' },
});
