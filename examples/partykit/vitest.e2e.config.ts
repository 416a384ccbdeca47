import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['e2e/**/*.test.ts'],
    globalSetup: 'e2e/build-page.ts',
    testTimeout: 90_000,
    // One Worker and one browser at a time.
    fileParallelism: false,
  },
});
