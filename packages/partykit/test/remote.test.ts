import { FaultProxy } from '@chat-transport/contract';
import { longestClaimMs, type RunInit } from '@chat-transport/core/provider';
import { createChatRuntime, defaultLeaseMs } from '@chat-transport/core/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type PartykitServer, type PartykitServerOptions, partykitServer } from '../src/remote.ts';
import { ticketsOf } from '../src/ticket.ts';
import { RawSocket } from './support/raw-socket.ts';
import { until } from './support/until.ts';
import { secret, Workerd } from './support/workerd.ts';

const run: RunInit = {
  chatId: 'c',
  runId: 'r1',
  digest: 'd',
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
  messages: [],
  leaseMs: 15_000,
  fence: 'fence',
};

async function setUp(options: Parameters<typeof Workerd.start>[0] = {}) {
  const workerd = await Workerd.start(options);
  onTestFinished(() => workerd.stop());
  return {
    workerd,
    /** One server process. */
    open(more: Partial<PartykitServerOptions> = {}): PartykitServer {
      const server = partykitServer({ url: workerd.url, secret, ...more });
      onTestFinished(() => server.log.close());
      return server;
    },
  };
}

async function proxyTo(workerd: Workerd): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(() => workerd.port);
  onTestFinished(() => proxy.close());
  return proxy;
}

test('a begin whose answer was lost on the way is answered with its fence after the reconnect', async () => {
  const { workerd, open } = await setUp();
  const proxy = await proxyTo(workerd);
  const { log } = open({ url: `http://${proxy.host}/api/chat` });
  const other = open().log;
  expect((await log.state('c')).turn).toBe(0);
  proxy.set({ down: { blackHole: true } });
  const begun = log.begin(run);
  await until('the run in the log', async () => (await other.state('c')).turn === 1);
  proxy.restore();
  expect(await begun).toMatchObject({ type: 'started', fence: expect.any(String) });
  expect(proxy.accepted).toBeGreaterThan(1);
  expect(await other.begin({ ...run, fence: 'another' })).toMatchObject({ type: 'exists' });
});

test('an append whose answer was lost on the way is in the log once', async () => {
  const { workerd, open } = await setUp();
  const proxy = await proxyTo(workerd);
  const { log } = open({ url: `http://${proxy.host}/api/chat` });
  const other = open().log;
  const begun = await log.begin(run);
  if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
  proxy.set({ down: { blackHole: true } });
  const frame = { at: 0, next: 1, chunks: [{ type: 'text-delta' as const, id: '0', delta: 'once' }] };
  const appended = log.append(run, begun.fence, frame);
  await until('the frame in the log', async () => (await other.state('c')).active?.next === 1);
  proxy.restore();
  expect(await appended).toEqual({ commands: [], cursor: 0 });
  expect((await other.read(run, { from: 0 })).frames).toEqual([frame]);
});

test('a server of another release that asks to interrupt the active run is answered that the chat is busy', async () => {
  const { open } = await setUp();
  const { log } = open();
  await log.begin(run);
  const next = { ...run, runId: 'r2', onBusy: 'interrupt' };
  expect(await log.begin(next)).toMatchObject({ type: 'busy', active: { runId: 'r1' } });
});

test.each([defaultLeaseMs, 6_000])('a half-open link is replaced within half a lease of %i ms', async (leaseMs) => {
  const { workerd, open } = await setUp();
  const proxy = await proxyTo(workerd);
  const { log } = open({ url: `http://${proxy.host}/api/chat` });
  const begun = await log.begin({ ...run, leaseMs });
  if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
  proxy.halfOpen();
  const from = performance.now();
  const frame = { at: 0, next: 1, chunks: [{ type: 'text-delta' as const, id: '0', delta: 'once' }] };
  expect(await log.append(run, begun.fence, frame)).toEqual({ commands: [], cursor: 0 });
  expect(performance.now() - from).toBeLessThan(leaseMs / 2);
});

test('a heartbeat that is set to be slower than the lease allows is not', async () => {
  const { workerd, open } = await setUp();
  const proxy = await proxyTo(workerd);
  const { log } = open({ url: `http://${proxy.host}/api/chat`, heartbeatMs: 60_000, deadAfterMs: 90_000 });
  await log.begin({ ...run, leaseMs: 6_000 });
  proxy.halfOpen();
  const from = performance.now();
  expect((await log.state('c')).turn).toBe(1);
  expect(performance.now() - from).toBeLessThan(20_000);
});

test('a frame that an object cannot receive is refused at once, and the link lives on', async () => {
  const { open } = await setUp();
  const { log } = open();
  const begun = await log.begin(run);
  if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
  const chunks = [{ type: 'text-delta' as const, id: '0', delta: 'x'.repeat(40_000_000) }];
  const append = log.append(run, begun.fence, { at: 0, next: 1, chunks });
  await expect(append).rejects.toMatchObject({
    code: 'too-large',
    retryable: false,
    message: expect.stringMatching(/4000\d{4} bytes.*33554432/),
  });
  expect(await log.renew(run, begun.fence)).toEqual({ commands: [], cursor: 0 });
});

test('a server whose clock is behind is refused at once, and the error names the clock and not the secret', async () => {
  const { open } = await setUp();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 130_000 });
  onTestFinished(() => void vi.useRealTimers());
  const { log } = open();
  const from = performance.now();
  const error = await log.state('c').catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: 'provider-failed',
    message: expect.stringMatching(/expired (69|7\d) s ago.*clock/),
  });
  expect(String(error)).not.toContain('secret');
  expect(performance.now() - from).toBeLessThan(5_000);
});

test('another secret is refused at once, and the error says what to look at', async () => {
  const { open } = await setUp();
  const { log } = open({ secret: secret.replace('a ', 'no') });
  await expect(log.state('c')).rejects.toMatchObject({
    code: 'provider-failed',
    message: expect.stringContaining('secret'),
  });
  expect(() => partykitServer({ url: 'http://localhost', secret: 'short' })).toThrow(TypeError);
});

test('a chat that nothing uses keeps no socket', async () => {
  const { workerd, open } = await setUp();
  const proxy = await proxyTo(workerd);
  const { log } = open({ url: `http://${proxy.host}/api/chat`, lingerMs: 50 });
  await log.state('c');
  expect(proxy.open).toBe(1);
  await until('no socket', () => proxy.open === 0);
  expect((await log.state('c')).turn).toBe(0);
});

test('a sweep opens sockets only to chats whose answers are not saved', async () => {
  const { workerd, open } = await setUp();
  const proxy = await proxyTo(workerd);
  const { log } = open({ url: `http://${proxy.host}/api/chat`, lingerMs: 50 });
  for (const chatId of ['saved', 'unsaved']) {
    await log.begin({ ...run, chatId });
    await log.end({ ...run, chatId }, run.fence, { reason: 'finish' });
  }
  await log.claim('saved', `finish:${run.runId}`, 'me', longestClaimMs);
  await until('no socket', () => proxy.open === 0);
  const before = (await workerd.seen()).requests.length;
  expect(await log.unfinished(100)).toMatchObject([{ chatId: 'unsaved', runId: run.runId }]);
  expect((await workerd.seen()).requests.slice(before)).toEqual(['GET /api/chat/unsaved/socket']);
});

test('a log whose socket is over shows a new ticket at its next call, and no call fails', async () => {
  const { workerd, open } = await setUp({ sessionMs: 1_000 });
  const proxy = await proxyTo(workerd);
  const { log } = open({ url: `http://${proxy.host}/api/chat` });
  await log.begin(run);
  const end = log.read(run, { from: 0, waitMs: 50_000 });
  await until('a second socket', async () => (await log.state('c')).turn === 1 && proxy.accepted > 1);
  await log.end(run, run.fence, { reason: 'finish' });
  expect(await end).toMatchObject({ run: { end: { reason: 'finish' } } });
});

test('an answer whose server died is saved by the sweep of another one, also after a stop over a socket', async () => {
  const { workerd, open } = await setUp({ leaseMs: 300 });
  const dead = open().log;
  await dead.begin({ ...run, leaseMs: 300 });
  await dead.close();
  const ticket = await ticketsOf(secret).sign({ chatId: 'c', may: ['read', 'command'] });
  const device = await RawSocket.open(`${workerd.url}/c/socket?ticket=${ticket}`);
  onTestFinished(() => device.close());
  await device.got('live');
  device.send('{"type":"command","ref":1,"run":"r1","message":{"id":"s1","type":"cancel"}}');
  await device.got('receipt');
  // Where answers are made in the object, it would have saved this one by now.
  const from = performance.now();
  await until('three leases', () => performance.now() - from > 900);

  const finished: string[] = [];
  const runtime = createChatRuntime({
    realtime: open({ listChats: () => ['c'] }),
    respond: () => {
      throw new Error('Nobody asked.');
    },
    onFinish: ({ runId, outcome }) => {
      finished.push(`${runId}: ${outcome}`);
    },
  });
  onTestFinished(() => runtime.close());
  expect(await runtime.sweep()).toBe(1);
  expect(finished).toHaveLength(1);
  expect(finished[0]).toMatch(/^r1: (cancel|lost)$/);
  expect(await runtime.sweep()).toBe(0);
});
