import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const script = join(import.meta.dirname, '..', 'version-packages.ts');
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'version-packages-'));
  for (const name of ['.changeset', 'bin', 'scripts']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, '.changeset', 'README.md'), '# Changesets\n');
  writeFileSync(join(folder, 'scripts', 'changelog.ts'), '');
  command('biome', 0);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Puts a program on the PATH that leaves a file with its name, and ends with `status`. */
function command(name: string, status: number): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\ntouch "${join(folder, `ran-${name}`)}"\nexit ${status}\n`);
  chmodSync(file, 0o755);
}

const run = (): number | null => {
  const path = [join(folder, 'bin'), process.env.PATH].join(delimiter);
  return spawnSync(process.execPath, [script], { cwd: folder, env: { ...process.env, PATH: path } }).status;
};
const ran = (name: string): boolean => existsSync(join(folder, `ran-${name}`));

it('succeeds without changesets, as after the merge of a release, and leaves the versions alone', () => {
  command('changeset', 1);
  expect(run()).toBe(0);
  expect(ran('changeset')).toBe(false);
});

it('turns changesets into versions, and fails where that fails', () => {
  writeFileSync(join(folder, '.changeset', 'a-change.md'), '');
  command('changeset', 0);
  expect(run()).toBe(0);
  expect([ran('changeset'), ran('biome')]).toEqual([true, true]);
  command('changeset', 3);
  expect(run()).toBe(3);
});
