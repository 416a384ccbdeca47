import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mutants } from '../mutants/mutants.ts';
import { testMutants } from '../mutants/test-mutants.ts';

const root = join(import.meta.dirname, '../../..');

it('every mutant finds its place in the source, and only one', () => {
  const lost = [...mutants, ...testMutants].flatMap(({ id, file, find }) => {
    const count = readFileSync(join(root, file), 'utf8').split(find).length - 1;
    return count === 1 ? [] : [`${id}: ${count} times in ${file}`];
  });
  expect(lost).toEqual([]);
});

it('every mutant of the packages finds its test by the title', () => {
  const contract = globSync('packages/contract/src/**/*.ts', { cwd: root }).map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const lost = testMutants.flatMap(({ id, test, title }) =>
    [readFileSync(join(root, test), 'utf8'), ...contract].some((text) => text.includes(title))
      ? []
      : [`${id}: ${title}`],
  );
  expect(lost).toEqual([]);
});
