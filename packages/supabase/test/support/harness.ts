import type { DeviceTransportOptions, ProviderHarness } from '@chat-transport/contract';
import { type PostgresListen, type PostgresQuery, schemaSql } from '@chat-transport/postgres';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { SupabaseChatTransport } from '../../src/index.ts';
import { supabase } from '../../src/server.ts';
import { jwtSecret, type SupabaseProject, signToken } from './supabase-project.ts';

/** A project, and how a chat server reaches its database. */
export interface HarnessProject {
  readonly project: SupabaseProject;
  readonly query: PostgresQuery;
  readonly listen: PostgresListen;
}

let cases = 0;

/** The vendor's client on a project whose database the server writes to. Each case has tables and topics of its own: no case hears another's. */
export async function createHarness({ project, query, listen }: HarnessProject): Promise<ProviderHarness> {
  const schema = `case_${process.pid}_${cases++}`;
  const topicPrefix = `chat:${schema}:`;
  await project.exec(schemaSql({ schema }));
  const anon = await signToken();
  return {
    servicePort: project.realtime.port,
    createServer() {
      const realtime = supabase({
        ...{ query, listen, schema, topicPrefix, jwtSecret },
        ...{ plan: 'pro', flushIntervalMs: 0 },
      });
      return { realtime, close: () => realtime.log.close() };
    },
    createTransport(options, { host }) {
      const client = createClient(`http://${host}`, anon, {
        realtime: { heartbeatIntervalMs: 300, timeout: 2_000, reconnectAfterMs: () => 100 },
        auth: { persistSession: false, autoRefreshToken: false },
      });
      return new Page({ ...options, topicPrefix }, client);
    },
    async restartService() {
      await project.realtime.kill();
      await project.realtime.start();
    },
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
