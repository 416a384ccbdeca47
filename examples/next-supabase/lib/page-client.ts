import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import type { SupabaseProject } from './supabase-project.ts';

let client: SupabaseClient | undefined;

/** The page's Supabase client, with its user's session. In browsers only: on the server, users would share it. */
export function pageClient({ url, publicKey }: SupabaseProject): SupabaseClient {
  client ??= createClient(url, publicKey);
  return client;
}
