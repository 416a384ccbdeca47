import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// What needs `pushpin` on the machine.
export default defineConfig({ ...shared, test: { ...shared.test, include: ['provider/**/*.test.ts'] } });
