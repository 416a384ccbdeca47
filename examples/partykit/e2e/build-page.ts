import { resolve } from 'node:path';
import { build } from 'vite';

/** Builds the page that the Worker serves. */
export async function setup(): Promise<void> {
  // The test runner sets it to "test", and the page would be another one than the example's.
  process.env.NODE_ENV = 'production';
  await build({ root: resolve(import.meta.dirname, '..'), logLevel: 'warn' });
}
