import type { DeviceTransportOptions, ProviderHarness } from '@chat-transport/contract';
import type { SupabaseRealtime } from '@chat-transport/local-services';
import { type PostgresListen, type PostgresQuery, schemaSql } from '@chat-transport/postgres';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { SupabaseChatTransport } from '../../src/index.ts';
import { type SupabaseServerOptions, supabase } from '../../src/server.ts';
import { jwtSecret, type SupabaseProject, signToken } from './supabase-project.ts';

/** A project, and how a chat server reaches its database. */
export interface HarnessProject extends Pick<SupabaseServerOptions, 'plan' | 'flushIntervalMs'> {
  readonly project: Pick<SupabaseProject, 'exec'> & {
    /** Where Realtime is, on this machine or forwarded. It can be stopped where it is on this machine. */
    readonly realtime: Pick<SupabaseRealtime, 'port'> & Partial<Pick<SupabaseRealtime, 'kill' | 'start'>>;
  };
  readonly query: PostgresQuery;
  readonly listen?: PostgresListen | undefined;
  /** The keys of a hosted project. Default: those of the projects on this machine. */
  readonly keys?: { readonly publicKey: string; readonly jwtSecret: string };
}

let cases = 0;

/** The vendor's client on a project whose database the server writes to. Each case has tables and topics of its own: no case hears another's. */
export async function createHarness(options: HarnessProject): Promise<ProviderHarness> {
  const { project, query, listen, plan = 'pro', flushIntervalMs = 0 } = options;
  const { kill, start } = project.realtime;
  const schema = `case_${process.pid}_${cases++}`;
  const topicPrefix = `chat:${schema}:`;
  await project.exec(schemaSql({ schema }));
  const keys = options.keys ?? { publicKey: await signToken(), jwtSecret };
  return {
    servicePort: project.realtime.port,
    createServer() {
      const realtime = supabase({
        ...{ query, listen, schema, topicPrefix, plan, flushIntervalMs },
        jwtSecret: keys.jwtSecret,
      });
      return { realtime, close: () => realtime.log.close() };
    },
    createTransport(options, { host }) {
      const client = createClient(`http://${host}`, keys.publicKey, {
        realtime: { heartbeatIntervalMs: 300, timeout: 2_000, reconnectAfterMs: () => 100 },
        auth: { persistSession: false, autoRefreshToken: false },
      });
      return new Page({ ...options, topicPrefix }, client);
    },
    ...(kill &&
      start && {
        async restartService() {
          await kill();
          await start();
        },
      }),
    async dispose() {
      await project.exec(`drop schema ${schema} cascade`);
    },
  };
}

/** A page that is closed with its transport: the client is the page's, so the transport leaves it open. */
class Page extends SupabaseChatTransport {
  readonly #client: SupabaseClient;

  constructor(options: DeviceTransportOptions & { readonly topicPrefix: string }, client: SupabaseClient) {
    super({ ...options, client, tokenFrom: 'server' });
    this.#client = client;
  }

  override close(): void {
    super.close();
    void this.#client.realtime.disconnect();
  }
}
