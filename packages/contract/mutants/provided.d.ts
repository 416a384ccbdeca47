import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The mutant's id. */
    mutant: string;
    /** Whether the other cases are run too. */
    thorough: boolean;
  }
}
