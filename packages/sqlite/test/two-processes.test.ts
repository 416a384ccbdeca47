import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogFrame, RunInit, RunLog } from '@chat-transport/core/provider';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sqliteLog } from '../src/index.ts';
import { type SpawnedLog, spawnLog } from './spawn-log.ts';

const waitMs = 15_000;
let folder: string;
let here: RunLog;
let spawned: SpawnedLog[];

const path = (): string => join(folder, 'chats.db');

function spawn(): SpawnedLog {
  const log = spawnLog(path());
  spawned.push(log);
  return log;
}

function init(overrides: Partial<RunInit> = {}): RunInit {
  const start = { trigger: 'submit-message', from: '', messageId: 'm1', before: null, tail: [] } as const;
  const ids = { chatId: randomUUID(), runId: randomUUID(), digest: 'd' };
  return { ...ids, start, messages: [], leaseMs: 60_000, fence: crypto.randomUUID(), ...overrides };
}

async function begin(
  log: Pick<RunLog, 'begin'>,
  overrides: Partial<RunInit> = {},
): Promise<RunInit & { fence: string }> {
  const run = init(overrides);
  const begun = await log.begin(run);
  if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
  return { ...run, fence: begun.fence };
}

function frame(at: number, ...deltas: string[]): LogFrame {
  return { at, next: at + deltas.length, chunks: deltas.map((delta) => ({ type: 'text-delta', id: 't', delta })) };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sqlite-log-'));
  here = sqliteLog({ path: path() });
  spawned = [];
});

afterEach(async () => {
  for (const log of spawned) await log.kill();
  await here.close();
  await rm(folder, { recursive: true });
});

describe('two processes on one file', () => {
  it('stops a silent run in the other process within 300 ms', async () => {
    const { log: there } = spawn();
    const took: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const run = await begin(there);
      const news = there.waitForCommand(run, run.fence, { waitMs });
      // Answered after the wait has begun over there: messages are handled in order.
      await there.state(run.chatId);
      const began = performance.now();
      expect(await here.command(run, { id: 'c1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
      expect(await news).toEqual({ end: { reason: 'cancel' }, commands: [], cursor: 0 });
      took.push(performance.now() - began);
      expect(await there.append(run, run.fence, frame(0, 'late'))).toEqual({
        end: { reason: 'cancel' },
        commands: [],
        cursor: 0,
      });
    }
    // The median: on a busy machine one may be late for reasons that are not the log's.
    expect(took.sort((a, b) => a - b)[4]).toBeLessThan(300);
  });

  it('follows and steers a run that the other process writes', async () => {
    const { log: there } = spawn();
    const run = await begin(there);
    for (const [at, delta] of ['Hel', 'lo', ' 😀'].entries()) {
      const read = here.read(run, { from: at, waitMs });
      expect(await there.append(run, run.fence, frame(at, delta))).toEqual({ commands: [], cursor: 0 });
      expect((await read).frames).toEqual([frame(at, delta)]);
    }
    const steer = { id: 's1', type: 'steer', parts: [{ type: 'text', text: 'shorter' }] } as const;
    const news = there.waitForCommand(run, run.fence, { waitMs });
    expect(await here.command(run, steer)).toEqual({ outcome: 'accepted' });
    expect(await news).toEqual({ commands: [steer], cursor: 1 });
    await there.settle(run, run.fence, 's1', { outcome: 'delivered' });
    expect(await here.command(run, steer)).toEqual({ outcome: 'delivered' });

    const [end, next] = [here.read(run, { from: 3, waitMs }), here.state(run.chatId, { after: 1, waitMs })];
    await there.end(run, run.fence, { reason: 'finish' });
    expect((await end).run).toMatchObject({ next: 3, end: { reason: 'finish' } });
    const { runId } = await begin(there, { chatId: run.chatId });
    expect(await next).toMatchObject({ turn: 2, active: { runId } });
  });

  it('opens one new file from several processes at the same time', async () => {
    await here.close();
    await rm(path());
    const logs = Array.from({ length: 4 }, () => spawn().log);
    const chatId = randomUUID();
    const begun = await Promise.all(logs.map((log) => log.begin(init({ chatId }))));
    expect(begun.map(({ type }) => type).sort()).toEqual(['busy', 'busy', 'busy', 'started']);
    const runs = await Promise.all(logs.map((log) => begin(log)));
    await Promise.all(
      logs.map(async (log, index) => {
        const run = runs[index];
        for (let at = 0; run && at < 100; at += 1) await log.append(run, run.fence, frame(at, 'token'));
      }),
    );
    here = sqliteLog({ path: path() });
    for (const run of runs) expect((await here.read(run, { from: 0 })).run.next).toBe(100);
  });

  it('keeps whole frames only, and all that were acknowledged, when the writer is killed in mid-answer', async () => {
    const writer = spawn();
    const run = await begin(writer.log, { leaseMs: 1_500 });
    let acked = 0;
    const enough = new Promise<void>((resolve) => {
      writer.flood(run, run.fence, (next) => {
        acked = next;
        if (next >= 300) resolve();
      });
    });
    await enough;
    await writer.kill();
    await here.close();
    here = sqliteLog({ path: path() });

    let position = 0;
    for (;;) {
      const { frames, run: record } = await here.read(run, { from: position, waitMs });
      for (const { at, next, chunks } of frames) {
        expect({ at, next, count: chunks.length }).toEqual({ at: position, next: position + 3, count: 3 });
        position = next;
      }
      if (record.end && position === record.next) {
        expect(record.end).toEqual({ reason: 'lost' });
        break;
      }
    }
    expect(position).toBeGreaterThanOrEqual(acked);
    expect(await here.append(run, run.fence, frame(position, 'late'))).toEqual({
      end: { reason: 'lost' },
      commands: [],
      cursor: 0,
    });
    expect((await here.unfinished(10)).map(({ runId }) => runId)).toEqual([run.runId]);
    expect((await here.begin(init({ chatId: run.chatId }))).type).toBe('started');
  });
});
