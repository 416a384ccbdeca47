import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vitest/config';
import type { Mutant } from './mutant.ts';

const root = join(import.meta.dirname, '../../..');

/** The mutant's file with its mistake. @throws Error when the place is gone, or there are two: then the mutant must be written anew. */
export function mutated({ id, file, find, replace }: Mutant): string {
  const text = readFileSync(join(root, file), 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`Mutant ${id}: its place is ${count} times in ${file}.`);
  return text.replace(find, () => replace);
}

/** Loads the mutant's file with its mistake, and waits in the suites as long as a mutant is worth. */
export function mutate(mutant: Mutant): Plugin {
  return {
    name: 'mutate',
    enforce: 'pre',
    load(id) {
      if (id !== join(root, mutant.file) || mutant.file.endsWith('.md')) return undefined;
      // Says that the mistake was there: a case that fails without it proves nothing.
      return `${mutated(mutant)}\nObject.assign(globalThis, { loadedMutant: '${mutant.id}' });\n`;
    },
    transform(code, id) {
      return /contract\/src\/(provider\/wait|log\/log-helpers)\.ts$/.test(id)
        ? code.replace('= 10_000', '= 2_500').replace('= 10000', '= 2500')
        : undefined;
    },
  };
}
