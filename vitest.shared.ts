import { defineConfig } from 'vitest/config';

// Tests run on the source of every workspace package, so nothing has to be built first. The rest are Vite's defaults, which
// naming a condition replaces.
const conditions = ['@chat-transport/source', 'module', 'node', 'development|production'];

/** What every package's `vitest.config.ts` exports or merges. No retry: a test that fails sometimes is a bug. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    // Far above what a case takes: these machines are shared, and a slow one is no failure.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    // The default of a second is too short for a page that is loaded meanwhile.
    expect: { poll: { timeout: 20_000 } },
    retry: 0,
    // CI tests three packages side by side: with one process each, none of them waits long for a processor.
    ...(process.env.CI ? { maxWorkers: 1 } : {}),
    allowOnly: false,
    unstubGlobals: true,
    restoreMocks: true,
  },
});
