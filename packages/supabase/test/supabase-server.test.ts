import { type RunInit, wireVersion } from '@chat-transport/core/provider';
import { createChatHandler } from '@chat-transport/core/server';
import { until } from '@chat-transport/local-services';
import { type PostgresQuery, schemaSql, schemaVersion } from '@chat-transport/postgres';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type CallFunction, functionsSql, type SupabaseServerOptions, supabase, supabasePlans } from '../src/server.ts';
import { startPgliteProject } from './support/pglite-project.ts';
import { jwtSecret, openClient, signToken, users } from './support/supabase-project.ts';

let at: Awaited<ReturnType<typeof startPgliteProject>>;
beforeAll(async () => {
  at = await startPgliteProject();
  await at.project.addChat('mine');
});
afterAll(() => at.close());

let schemas = 0;

/** A server on tables of its own, and what it asked the database. */
async function server(options: Partial<SupabaseServerOptions> = {}) {
  const schema = `server_${schemas++}`;
  await at.project.exec(schemaSql({ schema }));
  const asked: string[] = [];
  const query: PostgresQuery = (text, values) => {
    asked.push(text);
    return at.query(text, values);
  };
  const realtime = supabase({ query, schema, topicPrefix: `chat:${schema}:`, ...options });
  onTestFinished(() => realtime.log.close());
  return { realtime, log: realtime.log, asked, schema };
}

/** What was broadcast on a topic, oldest first. */
async function broadcasts(topic: string): Promise<string[]> {
  const rows = await at.query(
    `select payload ->> 'frame' as frame from realtime.messages where topic = $1::text order by inserted_at, ctid`,
    [topic],
  );
  return rows.map(({ frame }) => String(frame));
}

const init = (runId: string, turn: Partial<RunInit> = {}): RunInit => ({
  ...{ chatId: 'c', runId, digest: 'd', messages: [], leaseMs: 10_000, fence: 'fence' },
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
  ...turn,
});
const text = (delta: string) => ({ type: 'text-delta', id: '0', delta }) as const;
const head = { v: wireVersion, run: 'r', turn: 1 };

describe('what the log writes', () => {
  it('is broadcast in the same statement, byte for byte: one round trip per frame', async () => {
    const { realtime, log, asked } = await server();
    const key = { chatId: 'c', runId: 'r' };
    await log.begin(init('r'));
    const before = asked.length;
    const chunks = [text('Ünï 😀 \u0000 \ud83d "'), { z: 1, a: 2, type: 'data-x', data: 1e21 } as const];
    await log.append(key, 'fence', { at: 0, next: 2, chunks });
    await log.append(key, 'fence', { at: 2, next: 3, chunks: [text('more')] });
    expect(asked.length - before).toBe(2);
    await log.end(key, 'fence', { reason: 'finish' });
    const frames = await broadcasts(realtime.channelName('c'));
    expect(frames).toEqual([
      JSON.stringify({ ...head, start: init('r').start }),
      JSON.stringify({ ...head, at: 0, next: 2, chunks }),
      JSON.stringify({ ...head, at: 2, next: 3, chunks: [text('more')] }),
      JSON.stringify({ ...head, at: 3, end: { reason: 'finish' } }),
    ]);
    const { frames: read } = await log.read(key, { from: 0 });
    expect(JSON.stringify(read[0]?.chunks)).toBe(JSON.stringify(chunks));
  });

  it('is broadcast once: neither a retry nor a refused append is', async () => {
    const { realtime, log } = await server();
    const key = { chatId: 'c', runId: 'r' };
    await log.begin(init('r'));
    const frame = { at: 0, next: 1, chunks: [text('one')] };
    await log.append(key, 'fence', frame);
    await log.append(key, 'fence', frame);
    await log.append(key, 'stale', { at: 1, next: 2, chunks: [text('two')] });
    await log.command(key, { id: 'x', type: 'cancel' });
    await log.end(key, 'fence', { reason: 'finish' });
    const frames = await broadcasts(realtime.channelName('c'));
    expect(frames.map((each) => Object.keys(JSON.parse(each)).at(-1))).toEqual(['start', 'chunks', 'end']);
    expect(frames.at(-1)).toContain('cancel');
  });

  it('goes out as a pointer above the plan’s limit, and a start without its messages', async () => {
    const plan = { ...supabasePlans.free, maxPayloadBytes: 2_000 };
    const { realtime, log } = await server({ plan });
    const key = { chatId: 'c', runId: 'r' };
    const tail = [{ id: 'u', role: 'user' as const, parts: [{ type: 'text' as const, text: 'x'.repeat(3_000) }] }];
    await log.begin(init('r', { messages: tail, start: { ...init('r').start, tail } }));
    await log.append(key, 'fence', { at: 0, next: 1, chunks: [text('y'.repeat(1_700))] });
    await log.append(key, 'fence', { at: 1, next: 2, chunks: [text('"'.repeat(900))] });
    const frames = (await broadcasts(realtime.channelName('c'))).map((each) => JSON.parse(each));
    expect(frames[0].start).toEqual({ trigger: 'submit-message', from: '', messageId: 'm' });
    expect(frames[1].chunks).toHaveLength(1);
    expect(frames[2]).toEqual({ ...head, at: 1, next: 2 });
    const [largest] = await at.query(
      'select max(octet_length(payload::text))::text as size from realtime.messages where topic = $1::text',
      [realtime.channelName('c')],
    );
    expect(Number(largest?.size)).toBeLessThanOrEqual(plan.maxPayloadBytes);
  });

  it('tells pages that a chat was deleted', async () => {
    const { realtime, log } = await server();
    await log.begin(init('r'));
    await log.deleteChat('c');
    const frames = (await broadcasts(realtime.channelName('c'))).map((each) => JSON.parse(each));
    expect(frames.map(({ end }) => end)).toEqual([
      undefined,
      { reason: 'cancel' },
      { reason: 'cancel', deleted: true },
    ]);
  });
});

describe('the plan', () => {
  it('sets how often an answer is broadcast, and how large a message is', async () => {
    expect((await server()).realtime.limits.flushIntervalMs).toBe(supabasePlans.free.flushIntervalMs);
    const { realtime } = await server({ plan: 'pro', flushIntervalMs: 50 });
    expect(realtime.limits.flushIntervalMs).toBe(50);
    expect(realtime.limits.maxMessageBytes).toBeGreaterThan(1_000_000);
  });
});

describe('a database that is not ready', () => {
  it('is refused at the first use, with what to do', async () => {
    const { log: noTables } = await server({ schema: 'nowhere' });
    await expect(noTables.state('c')).rejects.toMatchObject({ code: 'provider-failed', retryable: false });
    await expect(noTables.state('c')).rejects.toThrow(/schema\.sql/);
    const { log, schema } = await server();
    await at.project.exec(`update ${schema}.version set version = 99`);
    await expect(log.state('c')).rejects.toThrow(new RegExp(`version ${schemaVersion} .* version 99`));
    await at.project.exec(`update ${schema}.version set version = ${schemaVersion}`);
    expect((await log.state('c')).turn).toBe(0);
  });

  it('is refused where the role may not broadcast, which realtime.send would not say', async () => {
    const as =
      (role: string): PostgresQuery =>
      async (text, values) => {
        await at.project.exec(`set role ${role}`);
        try {
          return await at.query(text, values);
        } finally {
          await at.project.exec('reset role');
        }
      };
    await at.project.exec('drop role if exists deaf; create role deaf; grant usage on schema chat_transport to deaf;');
    await at.project.exec('grant select, insert, update, delete on all tables in schema chat_transport to deaf');
    const deaf = supabase({ query: as('deaf') });
    await expect(deaf.log.state('c')).rejects.toMatchObject({ code: 'provider-failed', retryable: false });
    await expect(deaf.log.state('c')).rejects.toThrow(/supabase-policies\.sql/);
    // Granted, and still without a policy.
    await at.project.exec('grant usage on schema realtime to deaf; grant insert on realtime.messages to deaf');
    await expect(deaf.log.state('c')).rejects.toThrow(/row-level security/);

    const allowed = supabase({ query: as('chat_transport_server') });
    await allowed.log.begin(init('r'));
    await allowed.log.append({ chatId: 'c', runId: 'r' }, 'fence', { at: 0, next: 1, chunks: [text('hi')] });
    await allowed.log.unfinished(10);
    expect(await broadcasts('chat:c')).toHaveLength(2);
    expect(await broadcasts('chat:check')).toEqual([]);
    await Promise.all([deaf.log.close(), allowed.log.close()]);
  });
});

describe('a server without a connection to the database', () => {
  it('does the same by the project’s SQL functions, one call per frame, and nobody else may call them', async () => {
    const schema = `server_${schemas++}`;
    const topicPrefix = `chat:${schema}:`;
    await at.project.exec(schemaSql({ schema }));
    await at.project.exec(functionsSql({ schema, topicPrefix }));
    await at.project.exec(functionsSql({ schema, topicPrefix }));
    const called: string[] = [];
    /** Calls a function as PostgREST does: as the role of the key, with named parameters. */
    const callAs =
      (role: string): CallFunction =>
      async (name, parameters) => {
        called.push(name);
        const names = Object.keys(parameters);
        const given = names.map((each, index) => `${each} => $${index + 1}::text`).join(', ');
        await at.project.exec(`set role ${role}`);
        try {
          const rows = await at.query(
            `select ${name} as answer from public.${name}(${given})`,
            Object.values(parameters),
          );
          return { data: rows.map(({ answer }) => answer), error: null };
        } catch (error) {
          return { data: null, error: error as Error };
        } finally {
          await at.project.exec('reset role');
        }
      };
    const realtime = supabase({ rpc: callAs('service_role'), schema, topicPrefix });
    onTestFinished(() => realtime.log.close());
    const key = { chatId: 'c', runId: 'r' };
    await realtime.log.begin(init('r'));
    const before = called.length;
    await realtime.log.append(key, 'fence', { at: 0, next: 1, chunks: [text('hi \u0000')] });
    expect(called.slice(before)).toEqual(['chat_transport_append']);
    await realtime.log.end(key, 'fence', { reason: 'finish' });
    expect((await realtime.log.read(key, { from: 0 })).frames[0]?.chunks).toEqual([text('hi \u0000')]);
    expect(await broadcasts(realtime.channelName('c'))).toHaveLength(3);
    for (const role of ['anon', 'authenticated']) {
      const log = supabase({ rpc: callAs(role), schema }).log;
      await expect(log.state('c')).rejects.toMatchObject({ code: 'provider-failed' });
      await log.close();
    }
    expect(() => supabase({})).toThrow(TypeError);
    const [rpc, listen] = [async () => ({ data: [], error: null }), async () => () => {}];
    expect(() => supabase({ rpc, listen })).toThrow(/listen/);
  });
});

describe('who may listen', () => {
  /** Whether a client may join a topic. */
  async function mayJoin(topic: string, token: string | null, setToken?: string): Promise<boolean> {
    const client = await openClient(at.project.realtime.url, async () => token);
    onTestFinished(() => void client.realtime.disconnect());
    await client.realtime.setAuth();
    const states: string[] = [];
    const channel = client.channel(topic, { config: { private: true } });
    if (setToken) {
      const update = channel.updateJoinPayload.bind(channel);
      channel.updateJoinPayload = (payload) => update({ ...payload, access_token: setToken });
    }
    channel.subscribe((state) => states.push(state));
    await until(
      'an answer',
      () => states.length > 0,
      () => states,
    );
    await client.removeChannel(channel);
    return states[0] === 'SUBSCRIBED';
  }

  it('by the session: the owner of a chat that exists, and nobody else', async () => {
    const [owner, stranger] = await Promise.all([signToken(users.owner), signToken(users.stranger)]);
    expect(await mayJoin('chat:mine', owner)).toBe(true);
    expect(await mayJoin('chat:mine', stranger)).toBe(false);
    expect(await mayJoin('chat:mine', null)).toBe(false);
    expect(await mayJoin('chat:unknown', owner)).toBe(false);
    expect(await mayJoin('chat:', owner)).toBe(false);
    expect(await mayJoin('mine', owner)).toBe(false);
  });

  it('by the chat server’s token: its bearer, on its one topic', async () => {
    const realtime = supabase({ query: at.query, jwtSecret });
    const handler = createChatHandler({
      realtime,
      authorize: ({ chatId }) => chatId === 'mine',
      respond: () => new ReadableStream(),
    });
    onTestFinished(async () => {
      await handler.runtime.close();
      await realtime.log.close();
    });
    const ask = (body: unknown) =>
      handler(
        new Request('http://localhost/api/chat/auth', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      );
    const answer = await ask({ chatId: 'mine' });
    expect(answer.headers.get('cache-control')).toContain('no-store');
    const { token } = (await answer.json()) as { token: string };
    expect(await mayJoin('chat:mine', null, token)).toBe(true);
    for (const topic of ['chat:theirs', 'chat:', 'chat:mine2']) expect(await mayJoin(topic, null, token)).toBe(false);
    expect((await ask({ chatId: 'theirs' })).status).toBe(403);
    for (const body of [{}, { chatId: 1 }, null]) expect((await ask(body)).status).toBe(400);
    expect((await ask({ chatId: 'x'.repeat(5_000) })).status).toBe(413);
  });

  it('does not take a secret that is too short', () => {
    expect(() => supabase({ query: at.query, jwtSecret: 'short' })).toThrow(TypeError);
  });
});
