// `pnpm test:versions`: types and suites with the lowest and the newest version of the AI SDK, its React hook included,
// and with each zod that it takes; the client also with earlier major versions. Names of folders as arguments run only
// those.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const all = globSync('*/package.json', { cwd: here }).map(dirname).sort();
const asked = process.argv.slice(2);
const failed: string[] = [];

function run(what: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const began = performance.now();
  const { status } = spawnSync(command, args, {
    cwd: dirname(here),
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  console.log(`${status === 0 ? 'ok' : 'FAILED'} ${what}: ${Math.round((performance.now() - began) / 1000)} s`);
  if (status !== 0) failed.push(what);
}

// The types are those of the built packages, as an app gets them.
run('build', 'turbo', ['run', 'build', '--filter=@chat-transport/websocket', '--filter=@chat-transport/sqlite']);
for (const folder of asked.length > 0 ? asked : all) {
  run(`${folder}, types`, 'tsc', ['-p', join(here, folder)]);
  const config = join(here, 'vitest.config.ts');
  run(`${folder}, suites`, 'vitest', ['run', '--config', config, '--reporter', 'dot'], { VERSIONS: folder });
}
if (failed.length > 0) {
  console.error(`Failed: ${failed.join('; ')}`);
  process.exitCode = 1;
}
