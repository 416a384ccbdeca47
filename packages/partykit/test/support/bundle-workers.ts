import { join } from 'node:path';
import { build } from 'esbuild';

/** Where the bundled Workers of `test/worker` are, built once before the tests. */
export const bundles: string = join(import.meta.dirname, '../../node_modules/.cache/test-workers');

export async function setup(): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, '../worker/main.ts')],
    outdir: bundles,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['@chat-transport/source', 'workerd', 'worker', 'browser', 'module', 'import', 'production'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'warning',
  });
}
