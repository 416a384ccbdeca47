import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { FaultProxy } from '@chat-transport/contract';
import { ChatTransportError, type ErrorCode } from '@chat-transport/core/provider';
import { until } from '@chat-transport/local-services';
import { expect, it, onTestFinished } from 'vitest';
import { redisLog } from '../src/index.ts';
import { begin, frame, init, readAll, type TestRun } from './support/runs.ts';
import { clientOf, logOn, redis } from './support/stage.ts';

const waitMs = 20_000;

async function codeOf(
  call: Promise<unknown>,
): Promise<{ code: ErrorCode; retryable: boolean; message: string } | string> {
  return call.then(
    (value) => `resolved ${JSON.stringify(value)}`,
    (error: unknown) => {
      if (!ChatTransportError.isInstance(error)) return String(error);
      const { code, retryable, message } = error;
      return { code, retryable, message };
    },
  );
}

const refused = (word: string) => ({ code: 'provider-failed', retryable: true, message: `redisLog failed: ${word}.` });

/** A writer in a process of its own, and what it has printed. */
async function writer(
  url: string,
  mode: 'flood' | 'wait',
): Promise<{ child: ChildProcess; run: TestRun; said: unknown[] }> {
  const file = new URL('support/writer-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=@chat-transport/source', file, url, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'close');
  });
  const said: unknown[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)));
  await until('the writer’s run', () => said.length > 0);
  return { child, run: said[0] as TestRun, said };
}

it('stops a silent writer in another process within 300 ms', async () => {
  const { url } = await redis();
  const log = await logOn(url);
  const tookMs: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { run, said } = await writer(url, 'wait');
    await until('a writer that waits', () => said[1] === 'waiting');
    const began = performance.now();
    expect(await log.command(run, { id: 'c1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
    await until('the news over there', () => said.length > 2);
    tookMs.push(performance.now() - began);
    expect(said[2]).toEqual({ end: { reason: 'cancel' }, commands: [], cursor: 0 });
  }
  // The median: a machine that is busy with something else may hold up one of them.
  expect(tookMs.sort((a, b) => a - b)[1]).toBeLessThan(2_000);
});

it('keeps whole frames only, and all that were acknowledged, when the writer is killed in mid-append', async () => {
  const { url } = await redis();
  const log = await logOn(url);
  const { child, run, said } = await writer(url, 'flood');
  await until('many frames', () => said.length > 100);
  child.kill('SIGKILL');
  await once(child, 'close');
  const end = await log.read(run, { from: (await readAll(log, run)).frames.at(-1)?.next ?? 0, waitMs });
  expect(end.run.end).toEqual({ reason: 'lost' });
  expect(end.run.next).toBeGreaterThanOrEqual(said.at(-1) as number);
  expect((await readAll(log, run)).end).toBe('lost');
  expect((await log.unfinished(10)).map(({ runId }) => runId)).toEqual([run.runId]);
  expect((await log.begin(init({ chatId: run.chatId }))).type).toBe('started');
});

it('has every acknowledged frame after Redis was killed in mid-append, and the writer goes on by itself', async () => {
  const server = await redis();
  const [log, other] = [await logOn(server.url), await logOn(server.url)];
  const run = await begin(log);
  let acknowledged = 0;
  const reader = other.read(run, { from: 0, waitMs: 1 });
  const write = async (goal: number): Promise<void> => {
    while (acknowledged < goal) {
      try {
        await log.append(run, run.fence, frame(acknowledged, 'token '));
        acknowledged += 1;
      } catch (error) {
        // As core's writer does it: the same frame again, until the log answers.
        if (!ChatTransportError.isInstance(error) || error.code !== 'provider-failed') throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
  await reader;
  for (const round of [1, 2, 3]) {
    const writing = write(round * 200);
    await until('frames under way', () => acknowledged >= round * 200 - 100);
    await server.kill();
    const kept = acknowledged;
    await server.start();
    expect((await readAll(await logOn(server.url), run)).frames.length).toBeGreaterThanOrEqual(kept);
    await writing;
  }
  expect((await readAll(other, run)).frames).toHaveLength(600);
});

it('tells a reader what it missed while its connection was gone', async () => {
  const { url, port } = await redis();
  const proxy = await FaultProxy.start(port);
  onTestFinished(() => proxy.close());
  const here = await logOn(url);
  const client = await clientOf(url);
  // Only the connection that listens fails.
  const duplicate = () => client.duplicate({ url: `redis://${proxy.host}` });
  const there = redisLog({ client: Object.assign(Object.create(client), { duplicate }) });
  onTestFinished(() => there.close());
  const run = await begin(here);
  const read = there.read(run, { from: 0, waitMs });
  const observer = await clientOf(url);
  await until('a reader that listens', async () => (await observer.pubSubChannels('*:changes')).length === 1);
  proxy.cut();
  await until('a reader that hears nothing', async () => (await observer.pubSubChannels()).length === 0);
  await here.append(run, run.fence, frame(0, 'a'));
  proxy.restore();
  const began = performance.now();
  expect((await read).frames).toEqual([frame(0, 'a')]);
  expect(performance.now() - began).toBeLessThan(waitMs / 2);
});

it('tells a reader that comes back while its channel is being left, in an outage', async () => {
  const { url, port } = await redis();
  const proxy = await FaultProxy.start(port);
  onTestFinished(() => proxy.close());
  const here = await logOn(url);
  const client = await clientOf(`redis://${proxy.host}`);
  const leaving: Promise<unknown>[] = [];
  const duplicate = () => {
    const listening = client.duplicate();
    const unsubscribe = listening.unsubscribe.bind(listening);
    const noted = (...channel: Parameters<typeof unsubscribe>) => {
      leaving.push(unsubscribe(...channel));
      return leaving.at(-1) as ReturnType<typeof unsubscribe>;
    };
    return Object.assign(listening, { unsubscribe: noted as typeof unsubscribe });
  };
  const there = redisLog({ client: Object.assign(Object.create(client), { duplicate }) });
  onTestFinished(() => there.close());
  const run = await begin(here);
  const first = there.read(run, { from: 0, waitMs });
  const observer = await clientOf(url);
  await until('a reader that listens', async () => (await observer.pubSubChannels('*:frames')).length === 1);
  await here.append(run, run.fence, frame(0, 'a'));
  expect((await first).frames).toEqual([frame(0, 'a')]);
  proxy.cut();
  // A while after its last reader, each channel is left. Without a connection that has to wait.
  await until('channels that are being left', () => leaving.length === 2);
  const second = there.read(run, { from: 1, waitMs });
  proxy.restore();
  await Promise.all(leaving);
  await until('a reader that listens again', async () => (await observer.pubSubChannels('*:frames')).length === 1);
  const began = performance.now();
  await here.append(run, run.fence, frame(1, 'b'));
  expect((await second).frames).toEqual([frame(1, 'b')]);
  expect(performance.now() - began).toBeLessThan(waitMs / 4);
});

it('opens no more connections where it may not listen', async () => {
  const { url } = await redis();
  const here = await logOn(url);
  const client = await clientOf(url);
  const open = new Set<unknown>();
  const duplicate = () => {
    const listening = client.duplicate();
    const subscribe = listening.subscribe.bind(listening);
    listening.on('ready', () => void open.add(listening)).on('end', () => void open.delete(listening));
    // What Redis says to a user without channel permissions.
    const refuse = () => Promise.reject(new Error('NOPERM No permissions to access a channel'));
    return Object.assign(listening, { subscribe: refuse as typeof subscribe });
  };
  const there = redisLog({ client: Object.assign(Object.create(client), { duplicate }) });
  onTestFinished(() => there.close());
  const run = await begin(here);
  for (let round = 0; round < 5; round += 1) await there.read(run, { from: 0, waitMs: 20 });
  await until('no open connection', () => open.size === 0);
});

it('goes on over a new connection when the one of its calls is half-open', async () => {
  const { url, port } = await redis();
  const proxy = await FaultProxy.start(port);
  onTestFinished(() => proxy.close());
  const run = await begin(await logOn(url));
  const log = await logOn(`redis://${proxy.host}`, { callTimeoutMs: 300 });
  proxy.halfOpen();
  expect(await codeOf(log.append(run, run.fence, frame(0, 'a')))).toEqual(refused('no answer within 300 ms'));
  await until(
    'an append over a new connection',
    async () => (await codeOf(log.append(run, run.fence, frame(0, 'a')))) === 'resolved {"commands":[],"cursor":0}',
  );
  expect((await readAll(await logOn(url), run)).frames).toEqual([frame(0, 'a')]);
});

it('tells a reader what it missed while its connection was half-open', async () => {
  const { url, port } = await redis();
  const proxy = await FaultProxy.start(port);
  onTestFinished(() => proxy.close());
  const here = await logOn(url);
  const client = await clientOf(url);
  const duplicate = () => client.duplicate({ url: `redis://${proxy.host}` });
  const there = redisLog({ client: Object.assign(Object.create(client), { duplicate }) });
  onTestFinished(() => there.close());
  const run = await begin(here);
  const read = there.read(run, { from: 0, waitMs });
  const observer = await clientOf(url);
  await until('a reader that listens', async () => (await observer.pubSubChannels('*:changes')).length === 1);
  proxy.halfOpen();
  await until('a reader that hears nothing', async () => (await observer.pubSubChannels()).length === 0);
  const began = performance.now();
  await here.append(run, run.fence, frame(0, 'a'));
  expect((await read).frames).toEqual([frame(0, 'a')]);
  expect(performance.now() - began).toBeLessThan(waitMs / 2);
});

it('tells a device that waits when Redis is emptied', async () => {
  const { url } = await redis();
  const log = await logOn(url);
  const { chatId } = await begin(log);
  const state = log.state(chatId, { after: 1, waitMs });
  const observer = await clientOf(url);
  await until('a pulse', async () => (await observer.keys('*pulse:*')).length === 1, undefined, waitMs / 2);
  const began = performance.now();
  await observer.flushAll();
  expect(await state).toMatchObject({ turn: 0, runs: [] });
  expect(performance.now() - began).toBeLessThan(waitMs / 2);
});

it('leaves no connection behind when it is closed while Redis is away', async () => {
  const { url, port } = await redis();
  const proxy = await FaultProxy.start(port);
  onTestFinished(() => proxy.close());
  const client = await clientOf(url);
  let attempts = 0;
  const duplicate = () => {
    const reconnectStrategy = (): number => {
      attempts += 1;
      return 5;
    };
    return client.duplicate({ url: `redis://${proxy.host}`, socket: { reconnectStrategy } });
  };
  const log = redisLog({ client: Object.assign(Object.create(client), { duplicate }) });
  const run = await begin(log);
  proxy.cut();
  const read = log.read(run, { from: 0, waitMs });
  await until('attempts to listen', () => attempts > 3);
  await log.close();
  expect((await read).frames).toEqual([]);
  proxy.restore();
  const seen = attempts;
  for (let round = 0; round < 20; round += 1) await (await clientOf(`redis://${proxy.host}`)).ping();
  expect(attempts).toBe(seen);
  // An attempt may have been on its way as the log was closed.
  await until(
    'no connection but these',
    () => proxy.open === 20,
    () => proxy.open,
    5_000,
  );
});

it('fails a call that Redis does not answer in time, and a call while Redis is away', async () => {
  const server = await redis();
  const proxy = await FaultProxy.start(server.port);
  onTestFinished(() => proxy.close());
  const run = await begin(await logOn(server.url));
  const log = await logOn(`redis://${proxy.host}`, { callTimeoutMs: 200 });
  proxy.freeze();
  expect(await codeOf(log.renew(run, run.fence))).toEqual(refused('no answer within 200 ms'));
  proxy.restore();
  proxy.reset();
  await until(
    'a log that answers',
    async () => (await codeOf(log.renew(run, run.fence))) === 'resolved {"commands":[],"cursor":0}',
  );
  await server.kill();
  expect(await codeOf(log.renew(run, run.fence))).toMatchObject({ code: 'provider-failed', retryable: true });
});

it('refuses frames when Redis is full, whole, and still lets a run be kept, cancelled, ended and claimed, and access be taken back', async () => {
  const { url } = await redis({ parameters: ['--maxmemory-policy', 'noeviction'] });
  const [log, client] = [await logOn(url), await clientOf(url)];
  const [one, two] = [await begin(log), await begin(log)];
  for (const run of [one, two]) await log.append(run, run.fence, frame(0, 'a'));
  await log.command(two, { id: 's1', type: 'steer', parts: [{ type: 'text', text: 'shorter' }] });
  // Less than an empty Redis needs.
  await client.configSet('maxmemory', '100kb');
  expect(await codeOf(log.append(one, one.fence, frame(1, 'b')))).toEqual(refused('OOM'));
  expect(await log.state(one.chatId)).toMatchObject({ turn: 1, active: { runId: one.runId, next: 1 } });

  expect(await log.renew(one, one.fence)).toEqual({ commands: [], cursor: 0 });
  await log.settle(two, two.fence, 's1', { outcome: 'delivered' });
  expect(await log.command(one, { id: 'c1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
  const next = init({ chatId: one.chatId });
  expect(await codeOf(log.begin(next))).toEqual(refused('OOM'));
  expect((await log.state(one.chatId)).turn).toBe(1);
  expect(await log.end(two, two.fence, { reason: 'finish' })).toMatchObject({ next: 1, end: { reason: 'finish' } });
  expect(await log.claim(one.chatId, `finish:${one.runId}`, 'me', 60_000)).toBe(true);
  await log.revoke(one.chatId, { id: 'v1', userId: 'ann' });
  expect((await log.revocations(one.chatId)).revoked).toMatchObject([{ id: 'v1', userId: 'ann' }]);
  const early = { chatId: one.chatId, runId: 'early' };
  expect(await codeOf(log.command(early, { id: 'c1', type: 'cancel' }))).toEqual(refused('OOM'));
  expect(await codeOf(log.claim(one.chatId, 'tool:1', 'me', 60_000))).toEqual(refused('OOM'));

  await client.configSet('maxmemory', '0');
  expect((await log.begin(next)).type).toBe('started');
  expect(await readAll(log, one)).toEqual({ frames: [frame(0, 'a')], end: 'cancel' });
});

it('says so when Redis takes no writes, and goes on when it does again', async () => {
  const [{ url }, primary] = [await redis(), await redis()];
  const [log, client] = [await logOn(url), await clientOf(url)];
  const run = await begin(log);
  await client.configSet('min-replicas-to-write', '1');
  expect(await codeOf(log.append(run, run.fence, frame(0, 'a')))).toEqual(refused('NOREPLICAS'));
  expect((await log.state(run.chatId)).active?.next).toBe(0);
  await client.configSet('min-replicas-to-write', '0');
  expect(await log.append(run, run.fence, frame(0, 'a'))).toEqual({ commands: [], cursor: 0 });

  // A replica, as after a failover that this client has not noticed.
  await (await clientOf(primary.url)).ping();
  await client.replicaOf('127.0.0.1', primary.port);
  expect(await codeOf(log.append(run, run.fence, frame(1, 'b')))).toEqual(refused('READONLY'));
});

it('leaves nothing behind but the number of the last turn, without being swept', async () => {
  const { url } = await redis();
  const [log, client] = [await logOn(url, { retentionMs: 3_000 }), await clientOf(url)];
  const run = await begin(log, { leaseMs: 2_000 });
  await log.append(run, run.fence, frame(0, 'a'));
  await log.command(run, { id: 's1', type: 'steer', parts: [{ type: 'text', text: 'shorter' }] });
  await log.command(run, { id: 'c1', type: 'cancel' });
  await log.claim(run.chatId, 'tool:1', 'me', 2_000);
  expect((await client.keys('*')).length).toBeGreaterThan(5);
  const left = async () => (await client.keys('*')).sort();
  await until('empty', async () => (await left()).length === 2);
  expect(await left()).toEqual(['chat-transport:due', `chat-transport:{${run.chatId}}`]);
  expect(await codeOf(log.read(run, { from: 0 }))).toMatchObject({ code: 'not-found' });
  expect((await begin(log, { chatId: run.chatId })) && (await log.state(run.chatId)).turn).toBe(2);
});

it('begins every run of twenty processes that write to one chat at the same time, each within its turn', {
  timeout: 240_000,
}, async () => {
  const { url } = await redis();
  const logs = await Promise.all(Array.from({ length: 20 }, () => logOn(url)));
  const [chatId, times] = [crypto.randomUUID(), 20];
  await Promise.all(
    logs.map(async (log) => {
      // With a lease of 0 each run is over at once, so nobody is busy.
      for (let count = 0; count < times; count += 1) await begin(log, { chatId, leaseMs: 0 });
    }),
  );
  expect((await logs[0]?.state(chatId))?.turn).toBe(logs.length * times);
  expect(await (await clientOf(url)).exists(`chat-transport:{${chatId}}:places`)).toBe(0);
});
