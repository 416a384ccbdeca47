/** What a page may know of the Supabase project. There is no secret in it. */
export interface SupabaseProject {
  readonly url: string;
  readonly publicKey: string;
}

/** Read when a page is asked for, so that one build runs anywhere. */
export function supabaseProject(): SupabaseProject {
  const { SUPABASE_URL = '', SUPABASE_PUBLISHABLE_KEY = '' } = process.env;
  return { url: SUPABASE_URL, publicKey: SUPABASE_PUBLISHABLE_KEY };
}
