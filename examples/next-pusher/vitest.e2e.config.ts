import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// What needs Debian's `chromium` and `redis-server` on the machine, and the example built.
export default defineConfig({
  ...shared,
  test: { ...shared.test, include: ['e2e/**/*.test.ts'], testTimeout: 120_000 },
});
