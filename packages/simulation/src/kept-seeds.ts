/** Seeds that failed once, each with what it showed. They run in every test. */
export const keptSeeds: readonly { readonly seed: number; readonly showed: string }[] = [];
