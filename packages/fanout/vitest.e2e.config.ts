import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// What needs `pushpin` on the machine. Each file starts a Pushpin of its own, and waits for it more than it computes: three files run at a time.
export default defineConfig({ ...shared, test: { ...shared.test, include: ['e2e/**/*.test.ts'], maxWorkers: 3 } });
