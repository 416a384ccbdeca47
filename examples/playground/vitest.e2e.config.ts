import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      include: ['e2e/**/*.test.ts'],
      globalSetup: 'e2e/build-page.ts',
      testTimeout: 90_000,
      hookTimeout: 60_000,
      // One browser at a time: the stories measure times.
      fileParallelism: false,
    },
  }),
);
