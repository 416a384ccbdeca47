import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';
import { mutants } from './mutants/mutants.ts';
import { mutate, mutated } from './mutants/mutate.ts';
import { documents } from './test/support/documents.ts';

// One process per mutant, started by mutants/run.ts: projects of one process share what Vite has loaded.
const mutant = mutants.find(({ id }) => id === process.env.MUTANT);
if (!mutant) throw new Error(`MUTANT must name a mutant; it is ${process.env.MUTANT}.`);

export default defineConfig({
  ...shared,
  plugins: [
    mutate(mutant),
    documents({
      runsSuite: false,
      mutant: mutant.file.endsWith('.md') ? { id: mutant.id, text: () => mutated(mutant) } : undefined,
    }),
  ],
  test: {
    ...shared.test,
    include: ['mutants/mutant.test.ts'],
    provide: { mutant: mutant.id, thorough: process.env.THOROUGH === '1' },
    dangerouslyIgnoreUnhandledErrors: true,
    // A cache of loaded modules does not know of mistakes.
    fsModuleCache: false,
  },
});
