import { createStoreLog, type RealtimeServer, type RunLog } from '@chat-transport/core/provider';
import { defaultSchema, type PostgresLogOptions } from '@chat-transport/postgres';
import { createPostgresStore, defaultPollMs, runStatements } from '@chat-transport/postgres/store';
import { broadcastingStatements, maxFrameBytesOf } from './broadcasting-statements.ts';
import { defaultTopicPrefix } from './channel-topic.ts';
import { defaultTokenTtlMs, topicTokens } from './chat-topic-token.ts';
import { type RealtimePlan, supabasePlans } from './plans.ts';
import { type CallFunction, checkFunctions, functionStatements } from './rpc-functions.ts';
import { checkSend } from './send-check.ts';

/** What this service can do; the contract suite reads it. */
export const supabaseSupports = { ownLog: true, clientCommands: false, ordered: false } as const;

/** Options of `supabase`: those of `postgresLog`, for the project's database, and how it broadcasts. */
export interface SupabaseServerOptions extends Omit<PostgresLogOptions, 'query'> {
  /** Your Postgres client, as one function; see `postgresLog`. This or `rpc`. */
  readonly query?: PostgresLogOptions['query'] | undefined;
  /** For servers without a connection to the database: calls the functions of `functionsSql`, which has the `schema`, `topicPrefix` and `plan`. */
  readonly rpc?: CallFunction | undefined;
  /** The project's plan: its limits, and how often an answer is broadcast. @default 'free' */
  readonly plan?: keyof typeof supabasePlans | RealtimePlan | undefined;
  /** Shortest time between two broadcasts of an answer, in milliseconds. Default: the plan's. */
  readonly flushIntervalMs?: number | undefined;
  /** Put in front of the chat's id to form the topic; the pages and `supabase-policies.sql` have the same. @default defaultTopicPrefix */
  readonly topicPrefix?: string | undefined;
  /** The project's JWT secret, for pages with `tokenFrom: 'server'`. Without it, `POST {api}/auth` does not exist. */
  readonly jwtSecret?: string | undefined;
  /** How long a token of `POST {api}/auth` is valid, in milliseconds. @default defaultTokenTtlMs */
  readonly tokenTtlMs?: number | undefined;
}

/** The server half. Give it to `createChatHandler` as `realtime`; it is the log as well. `log.close()` ends its listening. */
export interface SupabaseServer extends RealtimeServer {
  readonly supports: typeof supabaseSupports;
  readonly log: RunLog;
}

/**
 * Keeps runs in the project's Postgres and broadcasts each frame in the statement that appends it.
 * @throws TypeError for a `jwtSecret` that is too short, without `query` and `rpc`, and for `listen` with `rpc`. The log's calls reject with `provider-failed`, not retryable, where the tables are missing or the role may
 * not broadcast.
 */
export function supabase(options: SupabaseServerOptions): SupabaseServer {
  const { query, rpc, listen, pollMs = defaultPollMs, schema = defaultSchema, now, retentionMs, jwtSecret } = options;
  const { topicPrefix = defaultTopicPrefix, tokenTtlMs = defaultTokenTtlMs } = options;
  const plan = typeof options.plan === 'object' ? options.plan : supabasePlans[options.plan ?? 'free'];
  const maxFrameBytes = maxFrameBytesOf(plan);
  const channelName = (chatId: string): string => topicPrefix + chatId;
  const statements = broadcastingStatements({ schema, topicPrefix, maxFrameBytes, listens: listen !== undefined });
  const run = query ? runStatements(query, statements) : rpc && functionStatements(rpc);
  if (!run) throw new TypeError('supabase: pass `query` or `rpc`.');
  // The functions send no notices: a server that listens would wait for them, and not poll.
  if (!query && listen) throw new TypeError('supabase: `listen` needs `query`; over `rpc` the log is polled.');
  const store = createPostgresStore({
    ...{ schema, listen, pollMs, now, maxFrameBytes },
    run,
    check: () => (query ? checkSend(query, topicPrefix) : checkFunctions(rpc as CallFunction)),
  });
  return {
    name: 'supabase',
    supports: supabaseSupports,
    limits: {
      // A frame travels as a JSON string, whose quotes are escaped: at most twice as long.
      maxMessageBytes: Math.floor(maxFrameBytes / 2),
      flushIntervalMs: options.flushIntervalMs ?? plan.flushIntervalMs,
    },
    log: createStoreLog({ name: 'supabase', store, retentionMs }),
    channelName,
    // The log broadcasts: append and broadcast are one statement.
    publish: async () => {},
    ...(jwtSecret !== undefined && {
      authorize: topicTokens({ jwtSecret, ttlMs: tokenTtlMs, topicOf: channelName }),
    }),
  };
}
