import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';
import { mutants } from './mutants/mutants.ts';

const mutant = mutants.find(({ id }) => id === process.env.MUTANT);
const path = mutant && join(import.meta.dirname, '../..', mutant.file);

// Loads the mutant's file with its mistake.
export default defineConfig({
  ...shared,
  plugins: [
    {
      name: 'mutate',
      enforce: 'pre',
      load(id) {
        if (!mutant || id !== path) return undefined;
        const text = readFileSync(id, 'utf8');
        const count = text.split(mutant.find).length - 1;
        if (count !== 1) throw new Error(`Mutant ${mutant.id}: its place is ${count} times in ${mutant.file}.`);
        return text.replace(mutant.find, () => mutant.replace);
      },
    },
  ],
  // A cache of loaded modules does not know of mistakes.
  test: { ...shared.test, fsModuleCache: false },
});
