import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The ids of the mutants to run; none where nothing is broken. */
    mutants: string[];
    /** Whether the other cases are run too. */
    thorough: boolean;
  }
}
