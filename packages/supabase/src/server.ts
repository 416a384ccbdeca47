export { type SupabaseServer, type SupabaseServerOptions, supabase, supabaseSupports } from './supabase-server.ts';
export { type CallFunction, type FunctionsSqlOptions, functionsSql } from './rpc-functions.ts';
export { type RealtimePlan, supabasePlans } from './plans.ts';
export { defaultTokenTtlMs } from './chat-topic-token.ts';
export { defaultTopicPrefix } from './channel-topic.ts';
