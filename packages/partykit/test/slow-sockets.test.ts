import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import type { Socket } from 'node:net';
import { FaultProxy } from '@chat-transport/contract';
import type { ChannelListener, RunInit, RunKey } from '@chat-transport/core/provider';
import { expect, onTestFinished, test } from 'vitest';
import { partykitSubscriber } from '../src/index.ts';
import { partykitServer } from '../src/remote.ts';
import { ticketsOf } from '../src/ticket.ts';
import { RawSocket } from './support/raw-socket.ts';
import { until } from './support/until.ts';
import { secret, Workerd } from './support/workerd.ts';

const mib = 1024 * 1024;

/** Sockets compress what they carry. */
function incompressible(length: number): string {
  return randomBytes(Math.ceil((length * 3) / 4))
    .toString('base64')
    .slice(0, length);
}

async function setUp() {
  const workerd = await Workerd.start();
  const { log } = partykitServer({ url: workerd.url, secret });
  onTestFinished(async () => {
    await log.close();
    await workerd.stop();
  });
  const start = { trigger: 'submit-message', from: '', messageId: 'm1', before: null, tail: [] } as const;
  const run: RunInit = {
    chatId: 'c',
    runId: 'r',
    digest: 'd',
    start,
    messages: [],
    leaseMs: 60_000,
    fence: 'fence',
  };
  const begun = await log.begin(run);
  if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
  const key: RunKey = { chatId: 'c', runId: 'r' };
  let at = 0;
  return {
    workerd,
    log,
    key,
    fence: begun.fence,
    /** Writes so many frames of this length each. */
    async write(count: number, length: number): Promise<void> {
      for (; count > 0; count -= 1, at += 1) {
        const chunks = [{ type: 'text-delta' as const, id: '0', delta: incompressible(length) }];
        await log.append(key, begun.fence, { at, next: at + 1, chunks });
      }
    },
  };
}

/** A device that takes nothing from its socket. */
async function unread(workerd: Workerd, position = ''): Promise<Socket> {
  const ticket = await ticketsOf(secret).sign({ chatId: 'c', may: ['read'] });
  const socket = await new Promise<Socket>((resolve, reject) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    get(`${workerd.url}/c/socket?ticket=${ticket}${position}`, { headers, agent: false })
      .on('upgrade', (_response, upgraded: Socket) => resolve(upgraded.pause()))
      .on('response', ({ statusCode }) => reject(new Error(`The handshake was answered ${statusCode}.`)))
      .on('error', reject);
  });
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** The resident memory of this process's workerd, in bytes. */
function memoryOf(workerd: Workerd): number {
  const lines = execFileSync('ps', ['-eo', 'pid,ppid,rss,args'], { encoding: 'utf8' }).split('\n');
  const mine = lines.map((line) => line.trim().split(/\s+/)).filter(([, ppid]) => ppid === String(process.pid));
  const sizes = mine.filter((words) => words.some((word) => word.includes('workerd'))).map(([, , rss]) => Number(rss));
  if (sizes.length === 0) throw new Error(`No workerd for port ${workerd.port}.`);
  return Math.max(...sizes) * 1024;
}

test('devices that read nothing cost an object a bounded amount of memory', async () => {
  const { workerd, write, log, key } = await setUp();
  await Promise.all(Array.from({ length: 20 }, () => unread(workerd)));
  await write(1, 10);
  const before = memoryOf(workerd);
  await write(60, mib / 2);
  // Twenty times the 30 MiB would be 600 MiB.
  expect(memoryOf(workerd) - before).toBeLessThan(250 * mib);
  expect((await log.read(key, { from: 60 })).run.next).toBe(61);
});

test('a device that reads nothing does not hold up one that names the same connection', async () => {
  const { workerd, write } = await setUp();
  await unread(workerd, '&_pk=one');
  await write(8, mib / 2);
  const ticket = await ticketsOf(secret).sign({ chatId: 'c', may: ['read'] });
  const other = await RawSocket.open(`${workerd.url}/c/socket?ticket=${ticket}&_pk=one&run=r&from=8`);
  onTestFinished(() => other.close());
  await other.got('live');
  await write(1, 10);
  await other.got('"at":8');
});

test('a device that is too slow for its socket is sent to the log for what it missed, and is live again', async () => {
  const { workerd, write, log, key, fence } = await setUp();
  const proxy = await FaultProxy.start(() => workerd.port);
  const subscriber = partykitSubscriber({
    url: `http://${proxy.host}/api/chat`,
    authorize: (chatId) => ticketsOf(secret).sign({ chatId, may: ['read'] }),
  });
  onTestFinished(async () => {
    subscriber.close?.();
    await proxy.close();
  });
  // Far slower than any machine writes.
  proxy.set({ down: { bytesPerSecond: mib / 16 } });
  const seen: string[] = [];
  const listener: ChannelListener = {
    onLive: () => void seen.push('live'),
    onInterrupted: () => void seen.push('interrupted'),
    onFailed: ({ code }) => void seen.push(code),
    onMessage: (data) => void seen.push('end' in JSON.parse(data) ? 'end' : 'frame'),
  };
  subscriber.subscribe('c', listener, new AbortController().signal);
  await until('a live socket', () => seen.includes('live'));
  await write(40, mib / 4);
  proxy.set({ down: { bytesPerSecond: mib } });
  await until('an interruption', () => seen.includes('interrupted'), { saw: () => seen });
  await until('a socket that is live again', () => seen.lastIndexOf('live') > seen.indexOf('interrupted'), {
    deadlineMs: 40_000,
  });
  expect(seen.filter((each) => each === 'frame').length).toBeLessThan(40);
  expect(proxy.accepted).toBe(1);
  // Once the network is as fast as the answer, nothing is left out.
  proxy.restore();
  await write(1, 10);
  await until('the last frame, or word of it', async () => {
    const before = seen.length;
    await write(1, 10);
    return seen.length > before && seen.at(-1) === 'frame';
  });
  await log.end(key, fence, { reason: 'finish' });
  await until('the end', () => seen.includes('end'), { saw: () => seen });
});

test('three hundred devices that come back to a long answer share what they read, and cost little memory', async () => {
  const { workerd, write, log, key, fence } = await setUp();
  await write(500, 800);
  await log.end(key, fence, { reason: 'finish' });
  const before = memoryOf(workerd);
  const { read } = (await workerd.seen()).rows;
  await Promise.all(Array.from({ length: 300 }, () => unread(workerd, '&run=r&from=0')));
  await log.state('c');
  // 300 replays of their own would read 150,000 rows.
  expect((await workerd.seen()).rows.read - read).toBeLessThan(15_000);
  expect(memoryOf(workerd) - before).toBeLessThan(150 * mib);
});
