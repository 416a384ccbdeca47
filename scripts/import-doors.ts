// Loads every built door of the package in this folder with plain Node, as a user's server would: `check:package` runs it. The
// linters of packages do not notice a door that cannot be loaded.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// A Worker's door runs on a platform with modules of its own.
const platform = 'export class DurableObject {} export const env = {};';
registerHooks({
  resolve: (name, context, next) =>
    name.startsWith('cloudflare:')
      ? { url: `data:text/javascript,${platform}`, shortCircuit: true }
      : next(name, context),
});

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const doors: [string, string | { default: string }][] = Object.entries(manifest.exports);
for (const [door, target] of doors) {
  if (typeof target === 'string') continue;
  const names = Object.keys(await import(pathToFileURL(resolve(target.default)).href));
  console.log(`${manifest.name} ${door}: ${names.join(', ')}`);
  if (names.length === 0) process.exitCode = 1;
}
