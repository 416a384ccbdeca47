import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { ChatTransportError } from '@chat-transport/core';
import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { isStepCount, streamText, tool, toUIMessageStream } from 'ai';
import { convertArrayToReadableStream, MockLanguageModelV4 } from 'ai/test';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Answer, createWorld, ended, SseReader, textOf, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };
const cancel = (id: string) => ({ id, runId: 'r1', type: 'cancel' });
const steer = (id: string, text: string) => ({ id, runId: 'r1', type: 'steer', parts: [{ type: 'text', text }] });

describe('a cancel', () => {
  it('ends a silent model at once, for every reader, and saves what came', async () => {
    const world = createWorld();
    const reader = new SseReader(await world.send(send));
    const other = new SseReader(await world.fetch('/c/stream'));
    const model = await world.model();
    model.text('part');
    await Promise.all([reader.saw('part'), other.saw('part')]);
    const startedAt = performance.now();
    expect(await world.command('c', cancel('s1'))).toEqual({ outcome: 'delivered' });
    await Promise.all([reader.closed, other.closed]);
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect([reader.end, other.end]).toEqual(['r1:3:cancel', 'r1:3:cancel']);
    expect(reader.chunks.at(-1)).toEqual({ type: 'abort' });
    await until('the save', () => world.finished.length === 1);
    expect(world.finished[0]).toMatchObject({ outcome: 'cancel', runId: 'r1' });
    expect(textOf(world.finished[0]?.messages[1])).toBe('part');
    expect([model.left, model.input.signal.aborted]).toEqual([true, true]);
  });

  it('needs no news from the log where the writer is in the same process', async () => {
    const log = memoryLog();
    const never = () => new Promise<never>(() => {});
    const world = createWorld({ log: { ...log, waitForCommand: never, renew: never } });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    await world.command('c', cancel('s1'));
    await reader.closed;
    expect([reader.end?.split(':')[2], model.left]).toEqual(['cancel', true]);
  });

  it('does not wait for a model that ignores it', async () => {
    const world = createWorld({
      async *respond() {
        yield { type: 'text-start', id: 't' };
        await new Promise(() => {});
      },
    });
    const reader = new SseReader(await world.send(send));
    await until(
      'the first chunk',
      () => reader.chunks.length === 2,
      () => reader.text,
    );
    await world.command('c', cancel('s1'));
    await reader.closed;
    expect(reader.end).toBe('r1:2:cancel');
    expect((await world.state('c')).active).toBeUndefined();
  });

  it('works while respond has not answered yet', async () => {
    const world = createWorld({ respond: () => new Promise(() => {}) });
    const reader = new SseReader(await world.send(send));
    await world.command('c', cancel('s1'));
    await reader.closed;
    expect(reader.end).toBe('r1:0:cancel');
  });

  it('that comes first meets its run: the message is kept, the model is not asked', async () => {
    const world = createWorld();
    expect(await world.command('c', cancel('s1'))).toEqual({ outcome: 'accepted' });
    const reader = new SseReader(await world.send(send));
    await reader.closed;
    expect([reader.chunks, reader.end]).toEqual([[{ type: 'abort' }], 'r1:0:cancel']);
    expect(world.models).toHaveLength(0);
    expect((await world.state('c')).messages).toEqual(send.messages);
    await until('the save', () => world.finished.length === 1);
    expect(world.finished[0]).toMatchObject({ outcome: 'cancel', messages: send.messages });
    expect(await world.command('c', cancel('s1'))).toEqual({ outcome: 'delivered' });
  });

  it('has one effect when it is sent twice, and is refused as ended after the end', async () => {
    const world = createWorld();
    await world.send(send);
    expect(await world.command('c', cancel('s1'))).toEqual({ outcome: 'delivered' });
    expect(await world.command('c', cancel('s1'))).toEqual({ outcome: 'delivered' });
    expect(await world.command('c', cancel('s2'))).toEqual({ outcome: 'not-delivered', reason: 'ended' });
    await ended(world, 'cancel');
    await until('the save', () => world.finished.length === 1);
    expect(world.events.filter(({ type }) => type === 'run-ended')).toHaveLength(1);
  });

  it('from another instance reaches a silent writer through the log at once', async () => {
    const here = createWorld();
    const there = createWorld({ log: here.log });
    const reader = new SseReader(await here.send(send));
    const model = await here.model();
    model.text('part');
    await reader.saw('part');
    const startedAt = performance.now();
    expect(await there.command('c', cancel('s1'))).toEqual({ outcome: 'delivered' });
    await reader.closed;
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(reader.end).toBe('r1:3:cancel');
    await until('the writer to leave', () => model.left);
    await until('the save', () => here.finished.length === 1);
    expect(there.finished).toHaveLength(0);
  });

  it('during the saving ends the run at once, and the last word of onFinish is cancel', async () => {
    let release = () => {};
    const saving = new Promise<void>((resolve) => {
      release = resolve;
    });
    const outcomes: string[] = [];
    const log = memoryLog();
    let waits = 0;
    const waitForCommand: RunLog['waitForCommand'] = (...args) => {
      waits += 1;
      return log.waitForCommand(...args);
    };
    const world = createWorld({
      log: { ...log, waitForCommand },
      onFinish: async ({ outcome }) => {
        outcomes.push(outcome);
        await saving;
      },
    });
    const reader = new SseReader(await world.send(send));
    (await world.model()).close();
    await until('the saving', () => outcomes.length === 1);
    const startedAt = performance.now();
    await world.command('c', cancel('s1'));
    await reader.closed;
    expect(reader.end).toBe('r1:2:cancel');
    // Not after the ten seconds that onFinish may take.
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(waits).toBeLessThan(10);
    release();
    await until(
      'the second word',
      () => outcomes.length === 2,
      () => outcomes,
    );
    expect(outcomes).toEqual(['finish', 'cancel']);
  });
});

describe('a steer', () => {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 1, text: 1, reasoning: undefined },
  };

  type Part = LanguageModelV4StreamPart;

  /** `streamText` in two steps, with a tool between them that works until it is released. */
  function toolWorld(log?: RunLog) {
    const prompts: string[] = [];
    const work = { isUnderWay: false, release: () => {} };
    const released = new Promise<void>((resolve) => {
      work.release = resolve;
    });
    const execute = () => {
      work.isUnderWay = true;
      return released;
    };
    const model = new MockLanguageModelV4({
      doStream: async ({ prompt }) => {
        prompts.push(JSON.stringify(prompt));
        const isFirst = prompts.length === 1;
        const call: Part[] = [
          { type: 'tool-call', toolCallId: 'call-1', toolName: 'look', input: '{}' },
          { type: 'finish', finishReason: { unified: 'tool-calls', raw: undefined }, usage },
        ];
        const text: Part[] = [
          { type: 'text-start', id: 't' },
          { type: 'text-delta', id: 't', delta: 'done' },
          { type: 'text-end', id: 't' },
          { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage },
        ];
        return { stream: convertArrayToReadableStream(isFirst ? call : text) };
      },
    });
    const world = createWorld({
      ...(log && { log }),
      respond: ({ messages, signal, steering }) =>
        toUIMessageStream({
          stream: streamText({
            model,
            prompt: 'x',
            abortSignal: signal,
            experimental_steering: steering,
            stopWhen: isStepCount(4),
            tools: { look: tool({ inputSchema: z.object({}), execute }) },
          }).stream,
          originalMessages: messages,
        }),
    });
    return { world, prompts, work };
  }

  it('reaches a real streamText, shows in the answer, and is reported as delivered', async () => {
    const { world, prompts, work } = toolWorld();
    const reader = new SseReader(await world.send(send));
    await until(
      'the tool',
      () => work.isUnderWay,
      () => reader.text,
    );
    expect(await world.command('c', steer('s1', 'use Celsius'))).toEqual({ outcome: 'accepted' });
    const waiting = world.command('c', steer('s1', 'use Celsius'), '?wait=5000');
    work.release();
    expect(await waiting).toEqual({ outcome: 'delivered' });
    await reader.closed;
    expect(reader.end).toMatch(/:finish$/);
    expect(reader.chunks).toContainEqual({
      type: 'steering-message',
      id: 's1',
      parts: [{ type: 'text', text: 'use Celsius' }],
    });
    expect(prompts[1]).toContain('use Celsius');
    expect(prompts[1]?.match(/use Celsius/g)).toHaveLength(1);
  });

  it('from another instance reaches it too', async () => {
    const { world, prompts, work } = toolWorld();
    const there = createWorld({ log: world.log });
    const reader = new SseReader(await world.send(send));
    await until('the tool', () => work.isUnderWay);
    expect(await there.command('c', steer('s1', 'first'))).toEqual({ outcome: 'accepted' });
    expect(await there.command('c', steer('s2', 'second'))).toEqual({ outcome: 'accepted' });
    work.release();
    expect(await there.command('c', steer('s2', 'second'), '?wait=5000')).toEqual({ outcome: 'delivered' });
    await reader.closed;
    const last = prompts.at(-1) ?? '';
    expect(last).toContain('first');
    expect(last.indexOf('first')).toBeLessThan(last.indexOf('second'));
  });

  it('is reported as delivered although the log failed to record that at first', async () => {
    const log = memoryLog();
    let failures = 2;
    const settle: RunLog['settle'] = async (...args) => {
      if (failures-- > 0) throw new ChatTransportError({ code: 'provider-failed', message: 'no answer' });
      return log.settle(...args);
    };
    let end = () => {};
    const mayEnd = new Promise<void>((resolve) => {
      end = resolve;
    });
    const { world, work } = toolWorld({ ...log, settle, end: (...args) => mayEnd.then(() => log.end(...args)) });
    const reader = new SseReader(await world.send(send));
    await until('the tool', () => work.isUnderWay);
    expect(await world.command('c', steer('s1', 'use Celsius'))).toEqual({ outcome: 'accepted' });
    work.release();
    const steered = world.command('c', steer('s1', 'use Celsius'), '?wait=5000');
    expect(await steered).toEqual({ outcome: 'delivered' });
    end();
    await reader.closed;
    expect(failures).toBeLessThan(0);
  });

  it('is reported as delivered although a cancel came between its chunk and its outcome', async () => {
    const log = memoryLog();
    const { world, work } = toolWorld({ ...log, settle: () => new Promise(() => {}) });
    const reader = new SseReader(await world.send(send));
    await until('the tool', () => work.isUnderWay);
    expect(await world.command('c', steer('s1', 'use Celsius'))).toEqual({ outcome: 'accepted' });
    work.release();
    await until('its chunk', () => reader.chunks.some(({ type }) => type === 'steering-message'));
    expect(await world.command('c', cancel('s2'))).toEqual({ outcome: 'delivered' });
    await reader.closed;
    expect(reader.end).toMatch(/:cancel$/);
    expect(await world.command('c', steer('s1', 'use Celsius'))).toEqual({ outcome: 'delivered' });
    expect(await world.command('c', steer('s3', 'too late'))).toEqual({ outcome: 'not-delivered', reason: 'ended' });
  });

  it('that came too late says why', async () => {
    const { world, work } = toolWorld();
    work.release();
    const reader = new SseReader(await world.send(send));
    await reader.closed;
    expect(await world.command('c', steer('s1', 'late'))).toEqual({ outcome: 'not-delivered', reason: 'ended' });
  });

  it('that respond ignores is settled when the run ends', async () => {
    const world = createWorld();
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    expect(await world.command('c', steer('s1', 'x'))).toEqual({ outcome: 'accepted' });
    model.close();
    await reader.closed;
    expect(await world.command('c', steer('s1', 'x'))).toEqual({ outcome: 'not-delivered', reason: 'ended' });
  });
});

describe('a claim on a client tool call', () => {
  const call = { type: 'tool-input-available', toolCallId: 'fn.call:0', toolName: 'where', input: {} } as const;
  const claimOf = (id: string, runId: string, toolCallId: string) => ({ id, runId, type: 'claim', toolCallId });

  it('is given to one client', async () => {
    const world = createWorld();
    await world.send(
      { id: 'c', runId: 'r1', messages: [user('u1', 'q')] },
      { headers: { accept: 'application/json' } },
    );
    const model = await world.model();
    model.push(call);
    model.close();
    await ended(world, 'finish');
    const claim = (id: string) => world.command('c', claimOf(id, 'r1', 'fn.call:0'));
    expect(await claim('tab-1')).toEqual({ outcome: 'delivered' });
    expect(await claim('tab-2')).toEqual({ outcome: 'not-delivered', reason: 'claimed' });
    expect(await claim('tab-1')).toEqual({ outcome: 'delivered' });
  });

  it('is refused where the chat has no such call, and takes no place of one that it has', async () => {
    const world = createWorld();
    const reader = new SseReader(await world.send({ id: 'c', runId: 'r1', messages: [user('u1', 'q')] }));
    (await world.model()).push(call);
    await until('the call', () => reader.text.includes('fn.call:0'));
    for (let index = 0; index < 65; index += 1) {
      const refused = await world.post('/c/command', claimOf('tab-2', 'r1', `invented-${index}`));
      expect([refused.status, ((await refused.json()) as Answer).error.code]).toEqual([404, 'not-found']);
    }
    expect(await world.command('c', claimOf('tab-1', 'r1', 'fn.call:0'))).toEqual({ outcome: 'delivered' });
    await reader.cancel();
  });

  it('is given for a call of an earlier answer, too', async () => {
    const world = createWorld();
    const answer = {
      id: 'a1',
      role: 'assistant',
      parts: [{ type: 'tool-where', toolCallId: 'early', state: 'input-available', input: {} }],
    };
    await world.send(
      { id: 'c', runId: 'r1', messages: [user('u1', 'q'), answer, user('u2', 'q')] },
      { headers: { accept: 'application/json' } },
    );
    expect(await world.command('c', claimOf('tab-1', 'r1', 'early'))).toEqual({ outcome: 'delivered' });
  });
});
