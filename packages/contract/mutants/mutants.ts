import { clientMutants } from './client-mutants.ts';
import { logMutants } from './log-mutants.ts';
import type { Mutant } from './mutant.ts';
import { providerMutants } from './provider-mutants.ts';
import { serverMutants } from './server-mutants.ts';
import { storeMutants } from './store-mutants.ts';
import { wireMutants } from './wire-mutants.ts';

/** Every mutant, with the case that kills it. */
export const mutants: readonly Mutant[] = [
  ...logMutants,
  ...storeMutants,
  ...serverMutants,
  ...wireMutants,
  ...clientMutants,
  ...providerMutants,
];
