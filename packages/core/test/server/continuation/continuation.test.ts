import { type Clock, systemClock } from '@chat-transport/core';
import { memoryLog } from '@chat-transport/core/memory';
import { decodeFrame, type Frame, type RealtimeServer, type RunLog } from '@chat-transport/core/provider';
import { type ChatHandlerOptions, defaultLeaseMs } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultTakeOverMs } from '../../../src/server/options.ts';
import { createWorld, SseReader, textOf, until, type World } from '../support.ts';
import { chatId, goesOn, send, settle, step, stepEnd, stoppable } from './stopped.ts';

/** What is published, and what a device on this process's own connection is told of what other processes write. */
function recorder(): { realtime: RealtimeServer; frames: Frame[]; fed: Frame[] } {
  const frames: Frame[] = [];
  const fed: Frame[] = [];
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const realtime: RealtimeServer = {
    name: 'recorder',
    limits: { maxMessageBytes: 65_536, flushIntervalMs: 0 },
    channelName: (id) => id,
    publish: async (_, data) => void frames.push(JSON.parse(data)),
    connect: (host) => void host.follow(chatId, (data) => fed.push(decodeFrame(data)), left.signal),
  };
  return { realtime, frames, fed };
}

const serverTools = { book: { execute: async () => 1 } } as unknown as NonNullable<ChatHandlerOptions['tools']>;
const call: UIMessageChunk = { type: 'tool-input-available', toolCallId: 'a', toolName: 'book', input: {} };

/** Processes on one log. The first one is stopped in the middle of its answer, and its lease is over. */
async function stoppedInTheMiddle(...options: Parameters<typeof standingStill>) {
  const stage = await standingStill(...options);
  stage.later(defaultLeaseMs);
  await settle(async () => (await stage.log.state(chatId)).runs[0]?.interrupted === true);
  return stage;
}

/** Processes on one log. The first one is stopped in the middle of its answer. */
async function standingStill(options: Partial<ChatHandlerOptions> = {}, more: readonly UIMessageChunk[] = []) {
  let aheadMs = 0;
  const log = memoryLog({ now: () => Date.now() + aheadMs });
  const later = (ms: number): void => {
    aheadMs += ms;
  };
  const first = stoppable(log);
  const { realtime, frames, fed } = recorder();
  const one = createWorld({ ...goesOn, ...options, log: first.log, realtime });
  const other = (more: Partial<ChatHandlerOptions> = {}): World => createWorld({ ...goesOn, ...options, ...more, log });
  onTestFinished(async () => {
    first.goOn();
    await one.handler.runtime.close();
  });
  const response = await one.send(send);
  void response.body?.cancel();
  const model = await one.model();
  model.push(step);
  model.text('Hel');
  model.push(...more);
  await settle(async () => (await log.state(chatId)).active?.next === 4 + more.length);
  first.stop();
  return { log, one, other, model, frames, fed, resume: () => first.goOn(), later };
}

async function finish(world: World, text: string): Promise<void> {
  const model = await world.model();
  model.push({ type: 'start' }, step);
  model.text(text);
  model.close();
  await until(
    'the save',
    () => world.finished.length > 0,
    () => world.events,
  );
}

describe('a run whose process stops', () => {
  it('goes on in the process that reads it, under the same message, and the first one stays silent', async () => {
    const { log, one, other, model, frames, resume } = await stoppedInTheMiddle();
    const two = other();
    const reader = new SseReader(await two.fetch(`/${chatId}/stream?run=r1&from=4`));
    const second = await two.model();
    expect(second.input.continuation).toMatchObject({ attempt: 2, steps: 0 });
    expect(second.input.messages.map(({ id }) => id)).toEqual(['m1']);
    expect(second.input.messageId).toBe(model.input.messageId);
    await finish(two, 'Hello again.');
    await reader.closed;
    expect(reader.text).toContain('reset-step');
    expect(two.finished).toHaveLength(1);
    expect(textOf(two.finished[0]?.messages.at(-1))).toBe('[step-start]Hello again.');
    const next = (await log.state(chatId)).runs[0]?.next;
    const published = frames.length;
    resume();
    model.text('lo from the dead.');
    await until('the first process to notice', () => one.events.some(({ type }) => type === 'run-interrupted'));
    await one.handler.runtime.close();
    expect(frames.slice(published)).toEqual([]);
    expect(one.finished).toEqual([]);
    expect((await log.state(chatId)).runs[0]).toMatchObject({ attempt: 2, next, end: { reason: 'finish' } });
  });

  it('goes on at once in a process that reads it, where its lease ends between two reads', async () => {
    const { log, later } = await standingStill();
    const untilItsEnd = [defaultLeaseMs];
    const slow: RunLog = Object.assign(Object.create(log), {
      read: async (...call: Parameters<RunLog['read']>) => {
        const page = await log.read(...call);
        if (page.frames.length > 0) later(untilItsEnd.pop() ?? 0);
        return page;
      },
    });
    const two = createWorld({ ...goesOn, log: slow });
    const reader = new SseReader(await two.fetch(`/${chatId}/stream?run=r1&from=0`));
    await finish(two, 'Hello again.');
    await reader.closed;
    expect(reader.text).toContain('Hello again.');
  });

  it('calls no model in a process that hears a whole lease later that the run is its own', async () => {
    const { log } = await stoppedInTheMiddle();
    let standstillMs = 0;
    const asleep: RunLog = Object.assign(Object.create(log), {
      takeOver: async (...call: Parameters<RunLog['takeOver']>) => {
        const answer = await log.takeOver(...call);
        standstillMs = defaultLeaseMs;
        return answer;
      },
    });
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + standstillMs };
    const two = createWorld({ ...goesOn, clock, log: asleep });
    await two.handler.sweep();
    await two.handler.runtime.close();
    expect([standstillMs, two.events.map(({ type }) => type)]).toEqual([defaultLeaseMs, []]);
    expect((await log.state(chatId)).runs[0]).toMatchObject({ attempt: 2 });
  });

  it('is handed over to the devices of the first process, from where that one stopped', async () => {
    const { log, one, other, fed, resume } = await stoppedInTheMiddle();
    const two = other();
    await two.handler.sweep();
    await finish(two, 'Hello again.');
    expect(fed).toEqual([]);
    resume();
    await until(
      'the end',
      () => fed.some((frame) => 'end' in frame),
      () => [fed, one.events],
    );
    const next = (await log.state(chatId)).runs[0]?.next;
    const chunks = fed.filter((frame) => 'chunks' in frame);
    expect(chunks.flatMap((frame) => frame.chunks).map(({ type }) => type)).toEqual([
      ...['reset-step', 'text-start', 'text-delta', 'text-end', 'finish'],
    ]);
    expect([chunks[0]?.at, chunks.at(-1)?.next]).toEqual([4, next]);
    expect(fed.filter((frame) => 'end' in frame)).toMatchObject([{ run: 'r1', end: { reason: 'finish' } }]);
  });

  it('goes on in a process that reads it for its own connections alone', async () => {
    const { other } = await stoppedInTheMiddle();
    const { realtime, frames } = recorder();
    const two = other({ realtime });
    await finish(two, 'Hello again.');
    expect(textOf(two.finished[0]?.messages.at(-1))).toBe('[step-start]Hello again.');
    expect(frames.at(-1)).toMatchObject({ run: 'r1', end: { reason: 'finish' } });
  });

  it('is taken over by one of those that notice', async () => {
    const { other } = await stoppedInTheMiddle();
    const [two, three] = [other(), other()];
    await Promise.all([two.state(chatId), three.state(chatId), two.handler.sweep(), three.handler.sweep()]);
    await until('a model', () => two.models.length + three.models.length > 0);
    await Promise.all([two.handler.sweep(), three.handler.sweep()]);
    expect(two.models.length + three.models.length).toBe(1);
    await finish(two.models.length > 0 ? two : three, 'Done.');
  });

  it('is cancelled, where that comes first', async () => {
    const { other } = await stoppedInTheMiddle();
    const two = other({ onInterrupted: 'end' });
    expect(await two.command(chatId, { id: 'x1', runId: 'r1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
    const three = other();
    await three.handler.sweep();
    await until('the save', () => three.finished.length > 0);
    expect([three.finished[0]?.outcome, three.models.length]).toEqual(['cancel', 0]);
  });

  it('is lost, and saved once, where nobody goes on with it in time', async () => {
    const { other, later } = await stoppedInTheMiddle();
    const two = other({ onInterrupted: 'end' });
    expect((await two.state(chatId)).active).toMatchObject({ runId: 'r1' });
    later(defaultTakeOverMs);
    await settle(async () => (await two.state(chatId)).active === undefined);
    await two.handler.sweep();
    await until('the save', () => two.finished.length > 0);
    await two.handler.sweep();
    expect(two.finished.map(({ outcome }) => outcome)).toEqual(['lost']);
  });

  it('ends, saved, where it has killed as many writers as it may', async () => {
    const { other } = await stoppedInTheMiddle({ maxContinuations: 0 });
    const two = other();
    await two.handler.sweep();
    await until('the save', () => two.finished.length > 0);
    expect(two.events).toContainEqual({ type: 'continuation-exhausted', chatId, runId: 'r1', attempt: 1 });
    expect([two.finished.map(({ outcome }) => outcome), two.models.length]).toEqual([['lost'], 0]);
  });

  it('hands it over when it closes, instead of ending it', async () => {
    const log = memoryLog();
    const one = createWorld({ ...goesOn, log });
    void (await one.send(send)).body?.cancel();
    const model = await one.model();
    model.push(step, { type: 'text-start', id: 'a' }, { type: 'text-end', id: 'a' }, stepEnd);
    await settle(async () => (await log.state(chatId)).active?.next === 5);
    await one.handler.runtime.close();
    expect(one.finished).toEqual([]);
    const two = createWorld({ ...goesOn, log });
    await two.handler.sweep();
    // Only the end was missing.
    await until('the save', () => two.finished.length > 0);
    expect([two.finished[0]?.outcome, two.models.length]).toEqual(['finish', 0]);
  });

  it('is not continued where a tool of the server may have run without a barrier', async () => {
    const { other } = await stoppedInTheMiddle({ tools: serverTools }, [call]);
    const two = other();
    await two.handler.sweep();
    await until('the save', () => two.finished.length > 0);
    expect([two.finished[0]?.outcome, two.models.length]).toEqual(['lost', 0]);
  });

  it('is ended by its own process at its deadline, where nobody could go on without a barrier', async () => {
    const one = createWorld({ ...goesOn, tools: serverTools });
    void (await one.send(send)).body?.cancel();
    const model = await one.model();
    model.push(step, call);
    await settle(async () => (await one.log.state(chatId)).active?.next === 3);
    await one.handler.runtime.close();
    expect(one.finished.map(({ outcome, attempt }) => [outcome, attempt])).toEqual([['deadline', 1]]);
  });
});

describe('onInterrupted', () => {
  it("'continue' needs to know the tools", () => {
    expect(() => createWorld({ onInterrupted: 'continue' })).toThrow(/Pass `tools`/);
  });
});
