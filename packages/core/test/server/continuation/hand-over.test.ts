import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandlerOptions, defaultLeaseMs, type RespondInput } from '@chat-transport/core/server';
import { hasToolCall, isStepCount, type UIMessageChunk, type UserModelMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { createWorld, ended, until, type World } from '../support.ts';
import { deadAndNext } from './mortal.ts';
import { callOf, finishWith, openRun, type Script, textOf, toolsOf, twoTools } from './scripted-run.ts';
import { chatId, goesOn, send, settle, step, stepEnd, stoppable } from './stopped.ts';

type Tools = NonNullable<ChatHandlerOptions['tools']>;
const call: UIMessageChunk = { type: 'tool-input-available', toolCallId: 'a', toolName: 'book', input: { what: 'a' } };
const output: UIMessageChunk = { type: 'tool-output-available', toolCallId: 'a', output: { booked: 'a' } };
const words = (id: string): UIMessageChunk[] => [
  { type: 'text-start', id },
  { type: 'text-delta', id, delta: 'word' },
  { type: 'text-end', id },
];

async function chunksOf(log: RunLog): Promise<UIMessageChunk[]> {
  const { frames } = await log.read({ chatId, runId: 'r1' }, { from: 0 });
  return frames.flatMap(({ chunks }) => [...chunks]);
}

/** A process whose run is due to be handed over, once `due` resolves. */
async function due(options: Partial<ChatHandlerOptions> = {}) {
  const log = memoryLog();
  const world = createWorld({ ...goesOn, toolBarrier: true, tools: toolsOf(() => {}) as Tools, ...options, log });
  void (await world.send(send)).body?.cancel();
  const model = await world.model();
  model.push({ type: 'start' }, step);
  return { log, world, model };
}

const soft = { softDeadlineMs: 1 };
/** Resolves behind the soft deadline of a run that has begun: timers go off in the order of their times. */
const afterSoft = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

/** What `streamText` reads its steering object by. */
interface SteeringReader {
  takeMessages(): UserModelMessage[];
  hasPendingMessages(): boolean;
  resolveTakenMessages(step: { stepNumber: number; sentMessages: readonly UserModelMessage[] }): unknown;
  end(reason: 'aborted'): void;
}

function readSteering(steering: RespondInput['steering']): SteeringReader {
  const { [Symbol.for('vercel.ai.steering.start')]: start } = steering as unknown as Record<
    symbol,
    () => SteeringReader
  >;
  if (!start) throw new Error('The AI SDK begins to read a steering object in another way now.');
  return start.call(steering);
}

/** The next messages that a model is steered by. */
async function messagesOf(reader: SteeringReader): Promise<UserModelMessage[]> {
  const messages: UserModelMessage[] = [];
  await settle(async () => messages.push(...reader.takeMessages()) > 0);
  return messages;
}

async function interruption(world: World): Promise<void> {
  await until(
    'the interruption',
    () => world.events.some(({ type }) => type === 'run-interrupted'),
    () => world.events,
  );
}

describe('a run at its soft deadline', () => {
  it('is handed over behind the step that is under way, when the outputs of its calls are there', async () => {
    const { log, world, model } = await due(soft);
    await afterSoft();
    model.push(call, output, stepEnd, step, ...words('never'));
    await interruption(world);
    expect((await chunksOf(log)).map(({ type }) => type)).toEqual([
      ...['start', 'start-step', 'tool-input-available', 'tool-output-available', 'finish-step'],
    ]);
    expect((await log.state(chatId)).active).toMatchObject({ interrupted: true });
    expect([model.left, world.finished]).toEqual([true, []]);
    const next = createWorld({ ...goesOn, toolBarrier: true, log });
    await next.handler.sweep();
    const { continuation } = (await next.model()).input;
    expect(continuation).toMatchObject({ attempt: 2, reason: 'handed-over', steps: 1, resumed: 'boundary' });
  });

  it('ends here, where no step follows', async () => {
    const { log, world, model } = await due(soft);
    await afterSoft();
    model.push(...words('t'), stepEnd);
    model.close();
    await ended(world, 'finish');
    expect(world.finished).toMatchObject([{ outcome: 'finish', attempt: 1 }]);
    expect((await chunksOf(log)).at(-1)).toEqual({ type: 'finish' });
  });

  it('ends here, where the next step needs a client', async () => {
    const { world, model } = await due(soft);
    await afterSoft();
    model.push({ ...call, toolName: 'ask' }, stepEnd);
    model.close();
    await ended(world, 'finish');
  });

  it('is handed over in front of the step that answers a steer', async () => {
    const { log, world, model } = await due(soft);
    await afterSoft();
    const steer: UIMessageChunk = { type: 'steering-message', id: 's1', parts: [{ type: 'text', text: 'Shorter.' }] };
    model.push(...words('t'), stepEnd, steer, step, ...words('never'));
    await interruption(world);
    expect((await chunksOf(log)).slice(-2)).toEqual([stepEnd, steer]);
  });

  it('has the steers that the model took for the step that it does not begin, and leaves later ones to the next writer', async () => {
    const { log, world, model } = await due(soft);
    await afterSoft();
    const steered = readSteering(model.input.steering);
    const parts = [{ type: 'text' as const, text: 'Shorter.' }];
    const receiptOf = (id: string) => log.receipt({ chatId, runId: 'r1' }, id);
    for (const id of ['s1', 's2']) {
      await world.command(chatId, { id, runId: 'r1', type: 'steer', parts });
      const sentMessages = await messagesOf(steered);
      if (id === 's2') {
        model.push(call, output, stepEnd);
        await interruption(world);
      }
      steered.resolveTakenMessages({ stepNumber: 1, sentMessages });
    }
    expect((await chunksOf(log)).slice(-2)).toEqual([stepEnd, { type: 'steering-message', id: 's1', parts }]);
    const next = createWorld({ ...goesOn, toolBarrier: true, log });
    await next.handler.sweep();
    const { steering } = (await next.model()).input;
    expect(await messagesOf(readSteering(steering))).toMatchObject([{ content: parts }]);
    expect([await receiptOf('s1'), await receiptOf('s2')]).toEqual([{ outcome: 'delivered' }, { outcome: 'accepted' }]);
  });

  it('goes on here, where its budget is used up, or a tool may have run without a barrier', async () => {
    for (const options of [{ maxContinuations: 0 }, { toolBarrier: false }]) {
      const { world, model } = await due({ ...soft, ...options });
      await afterSoft();
      model.push(call, output, stepEnd, step, ...words('t'), stepEnd);
      model.close();
      await ended(world, 'finish');
      expect(world.events.map(({ type }) => type)).not.toContain('run-interrupted');
    }
  });

  it('starts no call of the model in vain, with `stopWhen`', async () => {
    const prompts: unknown[] = [];
    const log = memoryLog();
    const tools = toolsOf(() => {}) as Tools;
    const effect = afterSoft;
    const respond = ({ messages, messageId, beforeTool, signal, stopWhen }: RespondInput) => {
      const onPrompt = (prompt: unknown): void => void prompts.push(prompt);
      const common = { messages, messageId, beforeTool, effect, onPrompt, abortSignal: signal };
      return openRun({ ...common, script: twoTools, stopWhen: stopWhen(isStepCount(10)) });
    };
    const open = (softDeadlineMs?: number): World =>
      createWorld({ ...goesOn, tools, toolBarrier: true, softDeadlineMs, respond, log });
    const one = open(1);
    void (await one.send(send)).body?.cancel();
    await interruption(one);
    expect(prompts).toHaveLength(1);
    const two = open();
    await two.handler.sweep();
    await ended(two, 'finish');
    expect(prompts).toHaveLength(3);
  });
});

describe('a steer of a run whose process is lost', () => {
  const parts = [{ type: 'text' as const, text: 'Shorter.' }];
  const steer = { id: 's1', runId: 'r1', type: 'steer', parts };

  it('is the next writer’s, where the model has taken it and the log does not have it in the answer', async () => {
    const { dead, next, log } = deadAndNext({}, ({ type }) => type === 'steering-message', 'before');
    void (await dead.send(send)).body?.cancel();
    const model = await dead.model();
    model.push({ type: 'start' }, step);
    const steered = readSteering(model.input.steering);
    await dead.command(chatId, steer);
    steered.resolveTakenMessages({ stepNumber: 1, sentMessages: await messagesOf(steered) });
    model.push(...words('t'), stepEnd, { type: 'steering-message', id: 's1', parts });
    const world = await next();
    const { steering } = (await world.model()).input;
    expect(await messagesOf(readSteering(steering))).toMatchObject([{ content: parts }]);
    expect(await log.receipt({ chatId, runId: 'r1' }, 's1')).toEqual({ outcome: 'accepted' });
  });

  it('is the next writer’s, where its process wakes up too late and stops the model', async () => {
    let aheadMs = 0;
    const log = memoryLog({ now: () => Date.now() + aheadMs });
    const first = stoppable(log);
    const one = createWorld({ ...goesOn, toolBarrier: true, log: first.log });
    void (await one.send(send)).body?.cancel();
    const model = await one.model();
    model.push({ type: 'start' }, step);
    const steered = readSteering(model.input.steering);
    model.input.signal.addEventListener('abort', () => steered.end('aborted'));
    await one.command(chatId, steer);
    await settle(async () => steered.hasPendingMessages());
    first.stop();
    aheadMs += defaultLeaseMs;
    await settle(async () => (await log.state(chatId)).active?.interrupted === true);
    const next = createWorld({ ...goesOn, toolBarrier: true, log });
    await next.handler.sweep();
    await next.model();
    first.goOn();
    model.push(...words('t'));
    await interruption(one);
    await one.handler.runtime.close();
    expect(await log.receipt({ chatId, runId: 'r1' }, 's1')).toEqual({ outcome: 'accepted' });
  });
});

describe('stopWhen', () => {
  const loops: Script = (count) => [
    ...textOf('t', `step ${count}`),
    ...callOf(`call-${count}`, 'book', '{"what":"a"}'),
    finishWith('tool-calls'),
  ];

  /** How many steps a run has over all of its writers, each of which is closed after `stepsEach`. */
  async function stepsOf(stepsEach: number, condition: Parameters<RespondInput['stopWhen']>[0]): Promise<number> {
    const log = memoryLog();
    for (let writer = 1; ; writer += 1) {
      let effects = 0;
      const world: World = createWorld({
        ...goesOn,
        tools: toolsOf(() => {}) as Tools,
        toolBarrier: true,
        maxContinuations: 20,
        respond: ({ messages, messageId, beforeTool, signal, stopWhen }) =>
          openRun({
            ...{ script: loops, messages, messageId, beforeTool, abortSignal: signal },
            stopWhen: stopWhen(condition),
            effect: async () => {
              effects += 1;
              if (effects === stepsEach) void world.handler.runtime.close();
            },
          }),
        log,
      });
      if (writer === 1) void (await world.send(send)).body?.cancel();
      else await world.handler.sweep();
      await settle(async () => (await log.state(chatId)).runs.at(-1)?.attempt === writer);
      await until('the stop', () =>
        world.events.some(({ type }) => type === 'run-interrupted' || type === 'run-ended'),
      );
      const { active } = await log.state(chatId);
      if (!active) return (await chunksOf(log)).filter(({ type }) => type === 'finish-step').length;
    }
  }

  it('counts the steps of all writers', async () => {
    expect(await stepsOf(99, isStepCount(4))).toBe(4);
    expect(await stepsOf(2, isStepCount(5))).toBe(5);
  });

  it('stops after one more step, where the limit was reached and only the end was lost', async () => {
    expect(await stepsOf(2, isStepCount(2))).toBe(3);
  });

  it('shows the calls of earlier steps to conditions that look for them', async () => {
    expect(await stepsOf(2, ({ steps }) => steps.filter(({ toolCalls }) => toolCalls.length === 1).length >= 3)).toBe(
      3,
    );
    expect(await stepsOf(99, hasToolCall('book'))).toBe(1);
  });
});

describe('toolKey', () => {
  it('is the same for the n-th call of a step, whoever writes it and whatever its id is', async () => {
    const { log, world, model } = await due();
    const first = model.input.toolKey('a');
    model.push({ type: 'tool-input-start', toolCallId: 'a', toolName: 'book' });
    await settle(async () => (await log.state(chatId)).active?.next === 3);
    await world.handler.runtime.close();
    const next = createWorld({ ...goesOn, toolBarrier: true, tools: toolsOf(() => {}) as Tools, log });
    await next.handler.sweep();
    const second = await next.model();
    const keys = [second.input.toolKey('x'), second.input.toolKey('y'), second.input.toolKey('z')];
    second.push({ type: 'start' }, step, { ...call, toolCallId: 'x' }, { ...call, toolCallId: 'y' });
    second.push({ ...output, toolCallId: 'x' }, { ...output, toolCallId: 'y' }, stepEnd, step);
    second.push({ ...call, toolCallId: 'z' });
    expect(await Promise.all(keys)).toEqual(['r1:1:0', 'r1:1:1', 'r1:2:0']);
    // The first writer has stopped: its tool must not run.
    const settled = await Promise.race([first, Promise.resolve('waits')]);
    expect(settled).toBe('waits');
  });
});

describe('retryTools', () => {
  it('run again when they were in flight, and the model sees what they give', async () => {
    const { log, world, model } = await due();
    model.push(call, { ...call, toolCallId: 'b', toolName: 'pay', input: { eur: 3 } });
    await settle(async () => (await log.state(chatId)).active?.next === 4);
    await world.handler.runtime.close();
    const ran: string[] = [];
    const next = createWorld({
      ...{ ...goesOn, toolBarrier: true, retryTools: ['book'], log },
      tools: toolsOf((what) => ran.push(what)) as Tools,
    });
    await next.handler.sweep();
    const second = await next.model();
    expect(ran).toEqual(['a']);
    expect(second.input.continuation).toMatchObject({ steps: 1, resumed: 'seal' });
    expect(second.input.messages.at(-1)?.parts.slice(1)).toMatchObject(
      [
        { toolCallId: 'a', state: 'output-available', output: { booked: 'a' } },
        { toolCallId: 'b', state: 'output-error', errorText: /unknown/ },
      ].map(({ errorText, ...part }) => ({
        ...part,
        ...(errorText && { errorText: expect.stringMatching(errorText) }),
      })),
    );
    expect(next.events).toContainEqual({
      ...{ type: 'tool-effect-unknown', chatId, runId: 'r1', toolCallId: 'b', toolName: 'pay' },
    });
    expect(next.events.filter(({ type }) => type === 'tool-effect-unknown')).toHaveLength(1);
    second.close();
    await ended(next, 'finish');
  });

  it('that fail again give the model an error', async () => {
    const { log, world, model } = await due();
    model.push(call);
    await settle(async () => (await log.state(chatId)).active?.next === 3);
    await world.handler.runtime.close();
    const failing = toolsOf(() => {
      throw new Error('full');
    }) as Tools;
    const next = createWorld({
      ...{ ...goesOn, toolBarrier: true, retryTools: ['book'], tools: failing, log },
      onError: (error) => `Failed: ${(error as Error).message}`,
    });
    await next.handler.sweep();
    await next.model();
    expect(await chunksOf(log)).toContainEqual({
      ...{ type: 'tool-output-error', toolCallId: 'a', errorText: 'Failed: full' },
    });
  });
});
