import { readFileSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** What every package's `tsup.config.ts` exports: the package's doors are its manifest's `exports`, each written down once. */
export default defineConfig((): Options => {
  const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  const doors = Object.values(manifest.exports).filter((door) => typeof door === 'object');
  return {
    entry: doors.map((door) => door['@chat-transport/source'] ?? ''),
    format: 'esm',
    dts: true,
    sourcemap: true,
    clean: true,
    target: 'es2022',
    // `node:sqlite` exists under no other name.
    removeNodeProtocol: false,
  };
});
