import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';

const launcher = join(import.meta.dirname, '../with-node.mjs');
const underPnpm = { npm_config_user_agent: 'pnpm/10.34.9 npm/? node/v24.0.0' };
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function launch(
  args: string[],
  env: NodeJS.ProcessEnv,
): { child: ChildProcess; output: () => string; ended: Promise<unknown[]> } {
  const child = spawn(process.execPath, [launcher, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
  cleanups.push(() => child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (text += data));
  const ended = new Promise<unknown[]>((resolve) => child.on('close', (...end) => resolve(end)));
  return { child, output: () => text, ended };
}

it('runs the command with further arguments as they are, and passes its exit code on', async () => {
  const run = launch([`node -e 'console.log(process.argv.slice(1)); process.exit(7)'`, 'a b', "it's $HOME"], underPnpm);
  expect(await run.ended).toEqual([7, null]);
  expect(run.output()).toContain(`[ 'a b', "it's $HOME" ]`);
});

it('hands a signal to the command and ends as the command does', async () => {
  const script = `process.on('SIGTERM', () => process.exit(3)); setInterval(() => {}, 1000); console.log('ready')`;
  const run = launch([`node -e "${script}"`], underPnpm);
  await new Promise((resolve) => run.child.stdout?.once('data', resolve));
  run.child.kill('SIGTERM');
  expect(await run.ended).toEqual([3, null]);
});

it('starts the same script again through npx where npm is the caller', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'npx-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const npx = join(folder, 'npx');
  writeFileSync(npx, '#!/bin/sh\nfor argument; do echo "<$argument>"; done\nexit 5\n');
  chmodSync(npx, 0o755);
  const env = { npm_config_user_agent: 'npm/11.0.0', npm_lifecycle_event: 'test', npm_config_loglevel: 'notice' };
  const run = launch(['turbo run test', '--filter', 'a b'], { ...env, PATH: `${folder}:${process.env.PATH}` });
  expect(await run.ended).toEqual([5, null]);
  expect(run.output()).toBe("<-y>\n<-p>\n<pnpm@10.34.9>\n<-c>\n<exec pnpm run test '--filter' 'a b'>\n");
});
