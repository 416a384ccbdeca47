// Runs the tests of packages again and again, and counts: `pnpm test:repeat 20 packages/postgres packages/supabase`. A test that fails once is a bug.
// With `--e2e`, the packages' end-to-end tests.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { e2e: { type: 'boolean', default: false } },
});
const [times = '20', ...folders] = positionals;
const config = values.e2e ? ['--config=vitest.e2e.config.ts'] : [];
const root = join(import.meta.dirname, '..');

/** Runs a package's tests once and answers what they print if they fail. */
async function failureOf(folder: string): Promise<string | undefined> {
  const child = spawn(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=dot', ...config],
    {
      cwd: join(root, folder),
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  return code === 0 ? undefined : output;
}

for (const folder of folders) {
  let passed = 0;
  for (let round = 1; round <= Number(times); round += 1) {
    const startedAt = performance.now();
    const failure = await failureOf(folder);
    passed += Number(failure === undefined);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    process.stdout.write(`${folder}: ${passed} of ${round} passed (the last took ${seconds} s)\n${failure ?? ''}`);
  }
  if (passed < Number(times)) process.exitCode = 1;
}
