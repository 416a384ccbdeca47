import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants.ts';

/** Loads core with one break in it. Throws when there is no such break, or when core has no such line any more. */
export function installMutant(id: string): void {
  const mutant = mutants.find((one) => one.id === id);
  if (!mutant) throw new Error(`There is no mutant ${id}.`);
  const file = new URL(`../../core/src/${mutant.file}`, import.meta.url).href;
  if (!readFileSync(fileURLToPath(file), 'utf8').includes(mutant.find)) {
    throw new Error(`Mutant ${id}: ${mutant.file} has no "${mutant.find}" any more. Change the mutant with the code.`);
  }
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== file) return loaded;
      const source = readFileSync(fileURLToPath(url), 'utf8').replace(mutant.find, () => mutant.replace);
      return { ...loaded, source };
    },
  });
}
