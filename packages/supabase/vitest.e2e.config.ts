import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// What needs Debian's Postgres on the machine. Over REST each call of the log is a request, and one case makes thousands.
export default defineConfig({
  ...shared,
  test: { ...shared.test, include: ['e2e/**/*.test.ts'], testTimeout: 240_000 },
});
