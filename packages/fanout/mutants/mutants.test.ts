import { describe } from 'vitest';
import { mutants } from './mutants.ts';

// The unit tests on a source of their own for each mutant (see vitest.mutants.config.ts). e2e/mutants.test.ts starts this, and wants failures.
for (const { id } of mutants) {
  describe(id, async () => {
    for (const name of ['held-socket', 'held-stream', 'proxy-request', 'published-item']) {
      await import(/* @vite-ignore */ `../test/${name}.test.ts?mutant=${id}`);
    }
  });
}
