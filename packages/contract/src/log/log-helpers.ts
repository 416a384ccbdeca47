import {
  type Begun,
  ChatTransportError,
  type EndReason,
  type ErrorCode,
  type LogFrame,
  type RunInit,
  type RunKey,
  type RunLog,
  type RunRecord,
  type RunStart,
} from '@chat-transport/core/provider';
import type { UIMessage, UIMessageChunk } from 'ai';
import { expect } from 'vitest';
import type { LogHarness } from './log-case.ts';

/** How long a case waits for what must come, in milliseconds. Generous: only a failure takes that long. */
export const patienceMs = 10_000;
/** A lease that ends while a case waits for it, and that is long enough for what the writer does before: also on a slow machine. */
export const shortLeaseMs = 1_000;

/** An id that no other case uses. */
export function newId(prefix: string): string {
  return `${prefix}-${crypto.randomUUID()}`;
}

/** A user message. */
export function userMessage(text: string): UIMessage {
  return { id: newId('message'), role: 'user', parts: [{ type: 'text', text }] };
}

/** What begins a run in a test: a plain submit with a lease that outlasts the test. */
export function runInit(overrides: Partial<RunInit> = {}): RunInit {
  const message = userMessage('Hello');
  const start: RunStart = {
    trigger: 'submit-message',
    from: 'device-a',
    messageId: newId('answer'),
    before: null,
    tail: [message],
  };
  return {
    chatId: newId('chat'),
    runId: newId('run'),
    digest: newId('digest'),
    start,
    messages: [message],
    leaseMs: 60_000,
    fence: newId('fence'),
    ...overrides,
  };
}

/** A run that has begun, with what its writer holds. */
export interface StartedRun extends RunKey {
  readonly init: RunInit;
  readonly run: RunRecord;
  readonly fence: string;
}

/** Begins a run that must start. */
export async function startRun(log: RunLog, overrides: Partial<RunInit> = {}): Promise<StartedRun> {
  const init = runInit(overrides);
  const begun = await log.begin(init);
  if (begun.type !== 'started') throw new Error(`The run was to start, but begin answered ${describe(begun)}.`);
  const { type: _, ...started } = begun;
  return { chatId: init.chatId, runId: init.runId, init, ...started };
}

/** Begins a run and ends it at once. */
export async function endedRun(
  log: RunLog,
  overrides: Partial<RunInit> = {},
  reason: EndReason = 'finish',
): Promise<StartedRun> {
  const started = await startRun(log, overrides);
  await log.end(started, started.fence, { reason });
  return started;
}

/** A frame of text deltas at an offset. */
export function textFrame(at: number, ...deltas: string[]): LogFrame {
  const chunks = deltas.map((delta): UIMessageChunk => ({ type: 'text-delta', id: 'text', delta }));
  return { at, next: at + chunks.length, chunks };
}

/** Appends frames that must be accepted. */
export async function appendAll(log: RunLog, started: StartedRun, ...frames: LogFrame[]): Promise<void> {
  for (const frame of frames)
    expect(await log.append(started, started.fence, frame)).toEqual({ commands: [], cursor: 0 });
}

/** Reads all frames from an offset to what is there now. */
export async function readAll(log: RunLog, run: RunKey, from = 0): Promise<{ frames: LogFrame[]; run: RunRecord }> {
  const frames: LogFrame[] = [];
  for (let position = from; ; position = frames.at(-1)?.next ?? position) {
    const answer = await log.read(run, { from: position });
    frames.push(...answer.frames);
    if ((frames.at(-1)?.next ?? from) === answer.run.next) return { frames, run: answer.run };
    if (answer.frames.length === 0) throw new Error(`The log answered nothing at ${position} of ${answer.run.next}.`);
  }
}

/** Expects a rejection with a `ChatTransportError` of this code. */
export async function expectCode(code: ErrorCode, call: Promise<unknown>): Promise<void> {
  const outcome = await call.then(
    (value) => `resolved ${JSON.stringify(value)}`,
    (error: unknown) => (ChatTransportError.isInstance(error) ? error.code : `threw ${String(error)}`),
  );
  expect(outcome).toBe(code);
}

/** Waits for a promise; after `patienceMs` fails with what was waited for. */
export async function within<T>(what: string, promise: Promise<T>, limitMs: number = patienceMs): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${limitMs} ms.`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Calls until the answer fits, at most `patienceMs`; then fails with the last answer. */
export async function until<T>(what: string, call: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const value = await call();
    if (fits(value)) return value;
    if (performance.now() > deadline) throw new Error(`${what} did not happen; last answer: ${JSON.stringify(value)}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Moves the log's clock. */
export async function advance(harness: LogHarness, ms: number): Promise<void> {
  if (!harness.advance) throw new Error('The harness says that it supports `clock`, but has no `advance`.');
  await harness.advance(ms);
}

/** Opens another handle. */
export async function second(harness: LogHarness): Promise<RunLog> {
  if (!harness.second) throw new Error('The harness says that it supports `shared`, but has no `second`.');
  return harness.second();
}

function describe(begun: Begun): string {
  return JSON.stringify(begun);
}
