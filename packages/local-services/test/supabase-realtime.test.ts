import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import {
  type PgliteDatabase,
  type SupabaseRealtime,
  type SupabaseRealtimeOptions,
  startPglite,
  startSupabaseRealtime,
  supabaseSchemaSql,
  until,
} from '../src/index.ts';
import { jwtSecret, signToken } from './support/sign-token.ts';
import { frameOf, type Line, lineOf, normalized, readTranscript } from './support/transcript.ts';

const owner = '11111111-1111-1111-1111-111111111111';
const stranger = '22222222-2222-2222-2222-222222222222';
/** The recording's own policies: a user reads what is under the user's id, and writes what ends in a number behind `rw`. */
const policies = `
create policy read on realtime.messages for select to authenticated
  using (extension = 'broadcast' and realtime.topic() like 'chat:' || auth.uid() || ':%');
create policy write on realtime.messages for insert to authenticated
  with check (extension = 'broadcast' and realtime.topic() like 'chat:' || auth.uid() || ':rw%');
`;
let db: PgliteDatabase;
beforeAll(async () => {
  db = await startPglite();
  await db.exec(supabaseSchemaSql);
  await db.exec(supabaseSchemaSql);
  await db.exec(policies);
});
afterAll(() => db.close());

async function start(options: Partial<SupabaseRealtimeOptions> = {}): Promise<SupabaseRealtime> {
  const realtime = await startSupabaseRealtime({
    database: db,
    jwtSecret,
    deniedAfterMs: 200,
    ...options,
  });
  onTestFinished(() => realtime.close());
  return realtime;
}

const send = (payload: object, event: string, topic: string) =>
  db.query('select realtime.send($1::jsonb, $2, $3, true)', [JSON.stringify(payload), event, topic]);

/** A client of the vendor, with a session's token. */
async function open(realtime: SupabaseRealtime, userId = owner, expiresInSeconds?: number): Promise<SupabaseClient> {
  const token = await signToken('authenticated', userId, expiresInSeconds);
  const client = createClient(realtime.url, await signToken('anon'), {
    accessToken: async () => token,
    realtime: { heartbeatIntervalMs: 300 },
  });
  onTestFinished(() => void client.realtime.disconnect());
  return client;
}

interface Heard {
  readonly states: string[];
  readonly messages: unknown[];
}

async function join(client: SupabaseClient, topic: string): Promise<Heard> {
  const heard: Heard = { states: [], messages: [] };
  await client.realtime.setAuth();
  client
    .channel(topic, { config: { private: true } })
    .on('broadcast', { event: '*' }, ({ payload }) => heard.messages.push(payload))
    .subscribe((state, error) => heard.states.push(error ? `${state}: ${error.message}` : state));
  return heard;
}

describe('against the recorded server', () => {
  it('sends the same frames, one by one', async () => {
    const realtime = await start({ maxPayloadBytes: 3_000 });
    const anon = await signToken('anon');
    const signed = new Map<number, string>();
    /** The token of a socket, signed when it is first needed: one of them is good for two seconds. */
    const tokenOf = async (c: number): Promise<string> => {
      const token = signed.get(c) ?? (await tokens[c]?.()) ?? anon;
      signed.set(c, token);
      return token;
    };
    const tokens: Readonly<Record<number, () => Promise<string>>> = {
      3: () => signToken('authenticated', owner),
      4: () => signToken('authenticated', stranger),
      8: () => signToken('authenticated', owner, 2),
    };
    const sockets = new Map<number, { socket: WebSocket; heard: string[]; closed: number[] }>();
    const said = (c: number) => sockets.get(c) ?? { heard: [], closed: [] };
    const act: Readonly<Record<Line['k'], (line: Line) => Promise<unknown>>> = {
      async open({ s, c, url }) {
        const key = s === 'badkey' ? 'no.such.key' : anon;
        const socket = new WebSocket(`ws://127.0.0.1:${realtime.port}${url.replace('…', key)}`);
        const [heard, closed]: [string[], number[]] = [[], []];
        sockets.set(c, { socket, heard, closed });
        onTestFinished(() => socket.terminate());
        socket.on('message', (data: Buffer, isBinary) => heard.push(normalized(lineOf(data, isBinary))));
        socket.on('close', (code) => closed.push(code)).on('error', () => {});
        if (s !== 'badkey') await new Promise((resolve) => socket.once('open', resolve));
      },
      async out({ c, d }) {
        sockets.get(c)?.socket.send(frameOf(d.replace('<jwt>', d.includes('<jwt>') ? await tokenOf(c) : '')));
      },
      async in({ c, d }) {
        const { heard } = said(c);
        await until(
          `a frame on socket ${c} like ${d.slice(0, 200)}`,
          () => heard.length > 0,
          () => heard,
          10_000,
        );
        expect(heard.shift()).toBe(normalized(d));
      },
      async close({ c }) {
        await until('a closed socket', () => said(c).closed.length > 0);
        expect(said(c).closed).toEqual([1006]);
      },
      async batch({ d }) {
        const answer = await fetch(`${realtime.url}/realtime/v1/api/broadcast`, {
          method: 'POST',
          headers: { apikey: anon, authorization: `Bearer ${await signToken('service_role')}` },
          body: d,
        });
        expect(answer.status).toBe(202);
      },
      sql: ({ d }) => db.exec(d),
    };
    for (const line of readTranscript()) await act[line.k](line);
    for (const { heard } of sockets.values()) expect(heard).toEqual([]);
  });
});

describe('with the vendor’s client', () => {
  it('lets heartbeats of a refused socket wait for the refusal', async () => {
    const realtime = await start({ deniedAfterMs: 1_500 });
    const anon = await signToken('anon');
    const socket = new WebSocket(`ws://127.0.0.1:${realtime.port}/realtime/v1/websocket?apikey=${anon}&vsn=2.0.0`);
    onTestFinished(() => socket.terminate());
    await new Promise((resolve) => socket.once('open', resolve));
    const heard: string[] = [];
    socket.on('message', (data) => heard.push(String(data)));
    const config = { private: true };
    socket.send(JSON.stringify(['1', '1', `realtime:chat:${owner}:rw1`, 'phx_join', { config }]));
    socket.send(JSON.stringify([null, '2', 'phoenix', 'heartbeat', {}]));
    await until(
      'two answers',
      () => heard.length === 2,
      () => heard,
    );
    expect(heard.map((each) => JSON.parse(each)[1])).toEqual(['1', '2']);
  });

  it('loses what is inserted while it is down, and lets the client join again', async () => {
    const realtime = await start();
    const { states, messages } = await join(await open(realtime), `chat:${owner}:rw1`);
    await until(
      'a subscription',
      () => states.includes('SUBSCRIBED'),
      () => states,
    );
    await send({ n: 1 }, 'e', `chat:${owner}:rw1`);
    await until('the first message', () => messages.length === 1);
    await realtime.kill();
    await send({ n: 2 }, 'e', `chat:${owner}:rw1`);
    await realtime.start();
    await until(
      'a second subscription',
      () => states.filter((each) => each === 'SUBSCRIBED').length === 2,
      () => states,
    );
    await send({ n: 3 }, 'e', `chat:${owner}:rw1`);
    await until(
      'the third message',
      () => messages.length === 2,
      () => messages,
    );
    expect(messages).toMatchObject([{ n: 1 }, { n: 3 }]);
    expect(states.some((each) => each.startsWith('CHANNEL_ERROR'))).toBe(true);
  });

  it('closes a channel whose token is over, which the client does not join again', async () => {
    const realtime = await start();
    const { states } = await join(await open(realtime, owner, 2), `chat:${owner}:rw1`);
    await until(
      'a closed channel',
      () => states.includes('CLOSED'),
      () => states,
    );
    expect(states).toEqual(['SUBSCRIBED', 'CLOSED']);
  });

  it('keeps a channel that gets a new token in time, and closes it for one of a stranger', async () => {
    const realtime = await start();
    const client = await open(realtime);
    const { states, messages } = await join(client, `chat:${owner}:rw1`);
    await until(
      'a subscription',
      () => states.includes('SUBSCRIBED'),
      () => states,
    );
    await client.realtime.setAuth(await signToken('authenticated', owner, 4_000));
    await send({ n: 1 }, 'e', `chat:${owner}:rw1`);
    await until(
      'a message',
      () => messages.length === 1,
      () => states,
    );
    await client.realtime.setAuth(await signToken('authenticated', stranger));
    await until(
      'a closed channel',
      () => states.includes('CLOSED'),
      () => states,
    );
  });

  it('over the rate, drops rows without a word and answers the batch API with 429', async () => {
    const realtime = await start({ messagesPerSecond: 20, rateTickMs: 300 });
    const topic = `chat:${owner}:rw1`;
    const { states, messages } = await join(await open(realtime), topic);
    await until(
      'a subscription',
      () => states.includes('SUBSCRIBED'),
      () => states,
    );
    let sent = 0;
    const post = async () =>
      fetch(`${realtime.url}/realtime/v1/api/broadcast`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await signToken('service_role')}` },
        body: JSON.stringify({ messages: [] }),
      });
    await until('a refusal', async () => {
      await send({ n: sent++ }, 'e', topic);
      return (await post()).status === 429;
    });
    await send({ n: 'dropped' }, 'e', topic);
    await until('an end of the limit', async () => (await post()).status === 202);
    await send({ n: 'last' }, 'e', topic);
    await until(
      'the last row',
      () => JSON.stringify(messages).includes('last'),
      () => messages,
    );
    expect(JSON.stringify(messages)).not.toContain('dropped');
  });

  it('over the rate, closes a channel that hears another client', async () => {
    const realtime = await start({ messagesPerSecond: 20, rateTickMs: 300 });
    const topic = `chat:${owner}:rw1`;
    const [writer, { states }] = [await open(realtime), await join(await open(realtime), topic)];
    await until(
      'a subscription',
      () => states.includes('SUBSCRIBED'),
      () => states,
    );
    const channel = writer.channel(topic, { config: { private: true, broadcast: { ack: true } } }).subscribe();
    await until(
      'a writer that has joined',
      () => channel.state === 'joined',
      () => channel.state,
    );
    await until('a closed channel', async () => {
      await channel.send({ type: 'broadcast', event: 'e', payload: {} });
      return states.includes('CLOSED');
    });
  });

  it('answers a batch of somebody who may not write with 202, and delivers nothing', async () => {
    const realtime = await start();
    const topic = `chat:${owner}:rw1`;
    const { states, messages } = await join(await open(realtime), topic);
    await until(
      'a subscription',
      () => states.includes('SUBSCRIBED'),
      () => states,
    );
    const post = (token: string) =>
      fetch(`${realtime.url}/realtime/v1/api/broadcast`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ messages: [{ topic, event: 'e', payload: { forged: true }, private: true }] }),
      });
    expect((await post(await signToken('authenticated', stranger))).status).toBe(202);
    expect((await post(await signToken('authenticated', owner, -10))).status).toBe(401);
    await send({ n: 1 }, 'e', topic);
    await until('the row', () => messages.length > 0);
    expect(messages).toMatchObject([{ n: 1 }]);
  });
});
