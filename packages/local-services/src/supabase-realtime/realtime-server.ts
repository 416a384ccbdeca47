import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { WebSocketServer } from 'ws';
import { freePort } from '../free-port.ts';
import { claimsOf, mayWrite } from './authorization.ts';
import { RateCounter } from './rate-counter.ts';
import type { RealtimeDatabase } from './realtime-database.ts';
import type { UserBroadcast } from './realtime-frames.ts';
import { type Channel, RealtimeSocket, type RealtimeTenant } from './realtime-socket.ts';
import { feedChannel } from './supabase-schema.ts';

/** How to start emulated Realtime. */
export interface SupabaseRealtimeOptions {
  /** The project's database, with `supabaseSchemaSql` in it. Closed with the emulator. */
  readonly database: RealtimeDatabase;
  /** The secret that signs keys and tokens (HS256), at least 32 bytes. */
  readonly jwtSecret: string;
  /** How long a refused join waits for its answer, in milliseconds. Default: the recorded server's. */
  readonly deniedAfterMs?: number;
  /** The project's messages per second. @default 100 */
  readonly messagesPerSecond?: number;
  /** How often the rate is looked at, in milliseconds. Default: Realtime's. */
  readonly rateTickMs?: number;
  /** The largest payload of a broadcast, in bytes. Default: the recorded server's. */
  readonly maxPayloadBytes?: number;
}

/** An emulated Supabase Realtime. */
export interface SupabaseRealtime {
  readonly port: number;
  /** The project's URL, for `createClient`. */
  readonly url: string;
  /** How many sockets are open. */
  readonly connections: number;
  /** Ends it without a word: sockets die, and rows that are inserted from here on are lost. Idempotent. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const defaults = { deniedAfterMs: 5_000, messagesPerSecond: 100, rateTickMs: 5_000, maxPayloadBytes: 3_000_500 };

interface BroadcastRow {
  readonly topic: string;
  readonly event: string;
  readonly private: boolean;
  readonly payload: string | null;
}

/**
 * Speaks Realtime's protocol (vsn 2.0.0) as the recorded server v2.122.0 does: joins under row level security, broadcasts of rows of
 * `realtime.messages`, of clients and of the batch API, tokens that expire, limits. Without presence, replay and `postgres_changes`.
 */
export async function startSupabaseRealtime(options: SupabaseRealtimeOptions): Promise<SupabaseRealtime> {
  const { database, jwtSecret, deniedAfterMs, messagesPerSecond, rateTickMs, maxPayloadBytes } = {
    ...defaults,
    ...options,
  };
  const port = await freePort();
  const sockets = new Set<RealtimeSocket>();
  let stop: (() => Promise<void>) | undefined;

  /** Every channel of a topic. Public and private topics of one name know nothing of each other. */
  const deliver = (
    topic: string,
    isPrivate: boolean,
    from: Channel | undefined,
    send: (socket: RealtimeSocket, channel: Channel) => void,
  ): void => {
    for (const socket of sockets) {
      const channel = socket.channels.get(topic);
      if (channel && channel !== from && channel.isPrivate === isPrivate) send(socket, channel);
    }
  };

  const start = async (): Promise<void> => {
    await stop?.();
    const rate = new RateCounter(messagesPerSecond, rateTickMs);
    const tenant: RealtimeTenant = {
      ...{ database, jwtSecret, deniedAfterMs, maxPayloadBytes },
      isOverRate: () => rate.isTriggered,
      count: () => rate.add(),
      broadcast: (topic, isPrivate, message, from) =>
        deliver(topic, isPrivate, from, (socket, channel) => socket.deliver(channel, message)),
    };
    const inserted = async (id: string): Promise<void> => {
      const [row] = (await database.query(
        `select topic, event, private, payload::text as payload from realtime.messages where id = $1::text::uuid and event is not null`,
        [id],
      )) as unknown as BroadcastRow[];
      // Over a limit, a row is not broadcast, and nobody hears of it.
      if (row?.payload == null || rate.isTriggered) return;
      const data = Buffer.from(row.payload);
      if (data.length > maxPayloadBytes) return;
      rate.add();
      const message: UserBroadcast = { event: row.event, isJson: true, data, metadata: JSON.stringify({ id }) };
      tenant.broadcast(`realtime:${row.topic}`, row.private, message, undefined);
    };
    let work: Promise<void> = Promise.resolve();
    const stopListening = await database.listen(feedChannel, (id) => {
      // One after the other: rows leave in the order of their commits. A database that ends takes its rows along.
      work = work.then(() => inserted(id)).catch(() => {});
    });

    const server = createServer((request, response) => {
      void answerBatch(request, response, tenant, (topic, isPrivate, event, payload) =>
        deliver(topic, isPrivate, undefined, (socket, channel) => socket.deliverText(channel, event, payload)),
      );
    });
    const upgrades = new WebSocketServer({ noServer: true });
    server.on('upgrade', async (request, socket, head) => {
      socket.on('error', () => {});
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
      const apiKey = searchParams.get('apikey') ?? '';
      const isKnown = await claimsOf(apiKey, jwtSecret).then(
        () => true,
        () => false,
      );
      if (pathname !== '/realtime/v1/websocket' || !isKnown || searchParams.get('vsn') !== '2.0.0') {
        return socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      }
      upgrades.handleUpgrade(request, socket, head, (webSocket) => {
        const client = new RealtimeSocket(webSocket, tenant, apiKey);
        sockets.add(client);
        webSocket.on('close', () => sockets.delete(client));
        webSocket.on('error', () => {});
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    stop = async () => {
      stop = undefined;
      rate.close();
      for (const socket of sockets) socket.drop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await stopListening().catch(() => {});
      await work;
    };
  };
  const kill = async (): Promise<void> => stop?.();
  await start();
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return sockets.size;
    },
    kill,
    start,
    close: kill,
  };
}

interface Batch {
  readonly messages: readonly { topic: string; event: string; payload: unknown; private?: boolean }[];
}

/** `POST /realtime/v1/api/broadcast`: 202 says that Realtime has read the messages, whether or not somebody may send or hears them. */
async function answerBatch(
  request: IncomingMessage,
  response: ServerResponse,
  tenant: RealtimeTenant,
  send: (topic: string, isPrivate: boolean, event: string, payload: unknown) => void,
): Promise<void> {
  const end = (status: number, body?: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
  };
  if (request.url !== '/realtime/v1/api/broadcast' || request.method !== 'POST') return end(404);
  try {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? `${request.headers.apikey}`;
    const claims = await claimsOf(token, tenant.jwtSecret);
    if (tenant.isOverRate()) return end(429, { message: 'Too many requests' });
    const { messages } = JSON.parse(await text(request)) as Batch;
    for (const { topic, event, payload, private: isPrivate = false } of messages) {
      tenant.count();
      if (isPrivate && claims.role !== 'service_role' && !(await mayWrite(tenant.database, topic, claims))) continue;
      send(`realtime:${topic}`, isPrivate, event, payload);
    }
    end(202);
  } catch {
    end(401, { message: 'Unauthorized' });
  }
}
