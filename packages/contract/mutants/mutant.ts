/** A broken log, core, provider or harness: one place of the source replaced by another text. */
export interface Mutant {
  /** What is broken, in a few words. */
  readonly id: string;
  /** The file, from the repository's root. */
  readonly file: string;
  /** The text that is replaced; it must be in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The case that must fail: of the provider suite, or with `log:` in front of the log suite. */
  readonly killedBy: string;
}
