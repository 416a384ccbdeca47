import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// The provider's suite against a project elsewhere, which environment variables name: live/support/live-project.ts.
export default defineConfig({
  ...shared,
  test: { ...shared.test, include: ['live/**/*.test.ts'], testTimeout: 240_000, hookTimeout: 60_000 },
});
