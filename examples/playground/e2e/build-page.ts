import { resolve } from 'node:path';
import { build } from 'vite';

/** Builds the page that the demo's server serves. */
export async function setup(): Promise<void> {
  await build({ root: resolve(import.meta.dirname, '..'), logLevel: 'warn' });
}
