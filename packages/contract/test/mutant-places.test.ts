import { readFileSync } from 'node:fs';
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
