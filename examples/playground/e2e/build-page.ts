import { resolve } from 'node:path';
import { build } from 'vite';

/** Builds the page that the demo's server serves, and beside it the page of an app with options of its own. */
export async function setup(): Promise<void> {
  // The test runner sets it to "test", and the page would be another one than the demo's.
  process.env.NODE_ENV = 'production';
  const root = resolve(import.meta.dirname, '..');
  const input = [resolve(root, 'index.html'), resolve(root, 'e2e/own-app.html')];
  await build({ root, logLevel: 'warn', build: { rollupOptions: { input } } });
}
