import type { RunInit, RunKey, RunLog } from '@chat-transport/core/provider';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { partykitServer } from '../src/remote.ts';
import { ticketsOf } from '../src/ticket.ts';
import { RawSocket } from './support/raw-socket.ts';
import { until } from './support/until.ts';
import { secret, Workerd } from './support/workerd.ts';

let workerd: Workerd;
let log: RunLog;
let chats = 0;

beforeAll(async () => {
  workerd = await Workerd.start();
  ({ log } = partykitServer({ url: workerd.url, secret }));
});
afterAll(async () => {
  await log.close();
  await workerd.stop();
});

/** One chat, with what a writer and a device do in it. */
function newChat() {
  const chatId = `chat-${++chats}`;
  return {
    async begin(runId: string): Promise<RunKey & { readonly fence: string }> {
      const start = { trigger: 'submit-message', from: '', messageId: `m-${runId}`, before: null, tail: [] } as const;
      const run: RunInit = {
        chatId,
        runId,
        digest: runId,
        start,
        messages: [],
        leaseMs: 60_000,
        fence: runId,
      };
      const begun = await log.begin(run);
      if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
      return { chatId, runId, fence: begun.fence };
    },
    async connect(position: string): Promise<RawSocket> {
      const ticket = await ticketsOf(secret).sign({ chatId, may: ['read'] });
      const socket = await RawSocket.open(`${workerd.url}/${chatId}/socket?ticket=${ticket}${position}`);
      onTestFinished(() => socket.close());
      return socket;
    },
  };
}

function append(run: RunKey & { readonly fence: string }, at: number): Promise<unknown> {
  const chunks = [{ type: 'text-delta' as const, id: '0', delta: `${at} ` }];
  return log.append(run, run.fence, { at, next: at + 1, chunks });
}

interface SeenFrame {
  readonly run: string;
  readonly at?: number;
  readonly end?: object;
  readonly start?: object;
}

function framesOf(socket: RawSocket): SeenFrame[] {
  return socket.received.map((each) => JSON.parse(each)).filter(({ v }) => v === 1);
}

test('a device that comes back in mid-answer misses no frame between what was missed and what is live', async () => {
  const { begin, connect } = newChat();
  const run = await begin('r1');
  let appended = 0;
  let isOver = false;
  // As many as are replayed at once, less what a slow machine appends before it connects.
  let limit = 0;
  // Frames are appended as fast as they are taken, while devices come and go: some are on their way at any moment.
  const writing = (async () => {
    const underWay: Promise<unknown>[] = [];
    while (!isOver) {
      await until('a reader', () => isOver || appended < limit);
      underWay.push(append(run, appended));
      appended += 1;
      if (underWay.length > 8) await underWay.shift();
    }
    await Promise.all(underWay);
  })();
  onTestFinished(async () => {
    isOver = true;
    await writing;
  });
  for (let round = 0; round < 8; round += 1) {
    const from = Math.max(0, appended - 100);
    limit = appended + 300;
    const socket = await connect(`&run=r1&from=${from}`);
    limit = appended + 100;
    await until('ten live frames', () => {
      const live = socket.received.findIndex((each) => each.includes('live'));
      return live >= 0 && socket.received.length > live + 10;
    });
    const offsets = framesOf(socket).map(({ at }) => at);
    expect(offsets).toEqual(offsets.map((_, index) => from + index));
    socket.close();
  }
});

test('a device that comes back later gets the end of its run and the next run, before it is live', async () => {
  const { begin, connect } = newChat();
  const first = await begin('r1');
  for (const at of [0, 1, 2]) await append(first, at);
  await log.end(first, first.fence, { reason: 'finish' });
  await append(await begin('r2'), 0);
  const socket = await connect('&run=r1&from=2');
  await socket.got('live');
  expect(framesOf(socket).map(({ run, at, start, end }) => [run, start ? 'start' : end ? 'end' : at])).toEqual([
    ['r1', 2],
    ['r1', 'end'],
    ['r2', 'start'],
    ['r2', 0],
  ]);
  expect(socket.received.at(-1)).toBe('{"type":"live","run":"r2","next":1}');
});

test('a device that comes back with a position that nobody knows gets nothing but what is live', async () => {
  const { begin, connect } = newChat();
  const run = await begin('r1');
  await append(run, 0);
  for (const position of ['&run=unknown&from=0', '&run=r1&from=99999', '&run=', '']) {
    const socket = await connect(position);
    expect(await socket.got('live')).toBe(socket.received[0]);
  }
  for (const position of ['&run=r1&from=-5', '&run=r1&from=x', '&run=r1&from=-1e999']) {
    const socket = await connect(position);
    await socket.got('live');
    expect(framesOf(socket).map(({ at }) => at)).toEqual([0]);
  }
});

test('what was deleted is not repeated to a device that comes back with the position of another one', async () => {
  const chat = newChat();
  const run = await chat.begin('r');
  await append(run, 0);
  await log.end(run, run.fence, { reason: 'finish' });
  await (await chat.connect('&run=r&from=0')).got('"0 "');
  await log.deleteChat(run.chatId);
  const late = await chat.connect('&run=r&from=0');
  await late.got('live');
  expect(late.received.join()).not.toContain('"0 "');
});
