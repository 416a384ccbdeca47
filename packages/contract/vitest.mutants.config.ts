import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';
import { mutate, mutatedModule } from './mutants/mutate.ts';
import { documents } from './test/support/documents.ts';

export default defineConfig({
  ...shared,
  plugins: [mutate(), documents({ runsSuites: false, textOf: (module) => mutatedModule(module)?.text })],
  test: {
    ...shared.test,
    include: ['mutants/mutant.test.ts'],
    provide: {
      mutants: (process.env.MUTANTS ?? '').split(' ').filter(Boolean),
      thorough: process.env.THOROUGH === '1',
    },
    dangerouslyIgnoreUnhandledErrors: true,
    // A cache of loaded modules does not know of mistakes.
    fsModuleCache: false,
  },
});
