import type { UIMessage } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import { parseId } from '../../ids.ts';
import type { Begun, RunInit, RunKey, RunRecord } from '../../log/run-log.ts';
import { type Composed, composeSend, type SendRequest } from '../conversation/compose.ts';
import { digest } from '../conversation/digest.ts';
import { continuedBy, waitsForClient } from '../conversation/history.ts';
import type { Engine } from '../engine.ts';
import { endFrameOf, startFrameOf } from '../http/sse-text.ts';
import { type AskLogOptions, askLog } from './ask-log.ts';
import { settledWithin } from './notifier.ts';
import { runEnd } from './read-run.ts';
import { startRunTask } from './run-task.ts';
import { cancelRun } from './send-command.ts';
import { isGone } from './whole-runs.ts';

/** What starts a run. */
export interface StartRequest extends Omit<SendRequest, 'trigger'> {
  /** @default 'submit-message' */
  readonly trigger?: SendRequest['trigger'] | undefined;
  /** The same id with the same request is the same run. @default a new one */
  readonly runId?: string | undefined;
  readonly clientId?: string | undefined;
  /**
   * Whether the message that is continued may still wait for answers of other devices. Then the answers in it are recorded, by a run that writes
   * nothing, and `respond` is called by the send with which all of them are there. PROTOCOL.md section 6.1.3.
   */
  readonly ifComplete?: boolean | undefined;
  /** Handed to `respond`. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  readonly request?: Request | undefined;
}

/** What became of a start. `done` resolves at the run's end, where this process writes it. */
export type StartOutcome =
  | { readonly type: 'started'; readonly run: RunRecord; readonly done: Promise<RunRecord> }
  | { readonly type: 'exists' | 'cancelled'; readonly run: RunRecord }
  | { readonly type: 'busy'; readonly active: RunRecord }
  | { readonly type: 'stale' }
  | { readonly type: 'conflict' };

/** How often a start is tried while other runs come in between, before it is answered as it is. */
const maxAttempts = 8;

/** What `beginRun` answers for a send that is still waiting. It goes on waiting, and the same request joins it. */
export interface QueuedSend {
  readonly type: 'queued';
  readonly runId: string;
}

/** A send, as the log will see it. */
interface Send extends StartRequest {
  readonly trigger: SendRequest['trigger'];
  readonly runId: string;
  /** The digest of what distinguishes two requests with one run id. */
  readonly content: string;
}

/**
 * Begins a run and starts to write it. With `onBusy: 'queue'`, a send that still waits after `queueWaitMs` is answered as `queued`; without
 * `queueWaitMs` it is answered when it has begun. PROTOCOL.md section 6.1.4.
 * @throws ChatTransportError `invalid-message`, `invalid-id`, `log-expired`, `provider-failed`.
 */
export async function beginRun(
  engine: Engine,
  start: StartRequest,
  queueWaitMs?: number,
): Promise<StartOutcome | QueuedSend> {
  const { onBusy, generateId } = engine.options;
  const trigger = start.trigger ?? 'submit-message';
  const runId = parseId('runId', start.runId ?? generateId());
  const { messages, message, messageId } = start;
  // The sender, and how far that device was, do not count. Without the app's own fields: a client reads them again for each attempt of one send.
  const content = await digest({ messages, message, trigger, messageId });
  const send = { ...start, trigger, runId, content };
  if (onBusy !== 'queue') return beginInTurn(engine, send);

  const { sends } = engine;
  const open = sends.find(send);
  if (open && open.content !== content) return { type: 'conflict' };
  const outcome = open ? open.outcome.then(joined) : sends.open(send, content, () => beginInTurn(engine, send));
  // It goes on when its client has left.
  if (!open) engine.background(outcome);
  if (queueWaitMs === undefined || (await settledWithin(engine.options.clock, queueWaitMs, outcome))) return outcome;
  return sends.find(send)?.isWaiting ? { type: 'queued', runId } : outcome;
}

/** What a repeated request gets of the send that it joins. */
function joined(outcome: StartOutcome): StartOutcome {
  return outcome.type === 'started' ? { type: 'exists', run: outcome.run } : outcome;
}

async function beginInTurn(engine: Engine, send: Send): Promise<StartOutcome> {
  const { sends, options } = engine;
  const { onBusy } = options;
  const { chatId, baseTurn } = send;
  const place = onBusy === 'queue' && sends.isUsed(chatId) ? await behindOthers(engine, send) : undefined;
  if (place?.type === 'busy') return place;
  let leaveQueue = place?.leave;
  let hasWaited = leaveQueue !== undefined;
  let cameAt = place?.cameAt;
  try {
    for (let attempt = 1; ; attempt += 1) {
      if (engine.draining.aborted) throw closingError();
      const composed = await composeSend(engine, send, hasWaited, cameAt);
      cameAt ??= composed.turn;
      if (composed.answeredBy) return { type: 'exists', run: composed.answeredBy };
      if (engine.draining.aborted) throw closingError();
      const beginning = beginOrStop(engine, send, composed);
      // A server that closes waits for a run that begins meanwhile, and ends it.
      engine.background(beginning);
      const outcome = await beginning;
      if (outcome.type === 'stale' && composed.rereads && attempt < maxAttempts) continue;
      if (outcome.type !== 'busy') return outcome;
      if (attempt < maxAttempts && (await isAlmostOver(engine, outcome.active, composed))) {
        await untilOver(engine, outcome.active);
        continue;
      }
      if (onBusy === 'reject') return outcome;

      if (onBusy === 'interrupt') {
        if (attempt >= maxAttempts) return outcome;
        // A client that has not seen the active run may not end it.
        if (baseTurn !== undefined && baseTurn < outcome.active.turn) return { type: 'stale' };
        // Cancelled before the next attempt composes, so that the conversation has all that the run has written.
        await cancelRun(engine, outcome.active);
        continue;
      }
      leaveQueue ??= await enterQueue(engine, send);
      if (!leaveQueue) return outcome;
      hasWaited = true;
      await untilOver(engine, outcome.active);
    }
  } finally {
    leaveQueue?.();
  }
}

/** Takes a place in the queue and waits until the sends in front are through; `undefined` where too many wait. */
function enterQueue({ sends, options }: Engine, send: Send): Promise<() => void> | undefined {
  const entered = sends.enter(send);
  if (entered) options.emit({ type: 'send-queued', chatId: send.chatId, runId: send.runId });
  return entered;
}

/** Where a send waits, or does not; `cameAt`: the chat's turn when it came, where it waited. */
interface Place {
  readonly type: 'place';
  readonly leave?: () => void;
  readonly cameAt?: number;
}

/**
 * FIFO: a send that arrives while others wait goes behind them. Where too many wait, it is `busy`: one that tried now could overtake them. A send whose
 * run has begun waits for nobody: its request was repeated after a lost response.
 */
async function behindOthers(engine: Engine, send: Send): Promise<Place | Extract<StartOutcome, { type: 'busy' }>> {
  // Before the log is asked: sends keep the order in which they came.
  const entered = engine.sends.enter(send);
  const giveBack = () => void entered?.then((leave) => leave());
  let cameAt: number;
  try {
    const { runs, turn } = await engine.options.log.state(send.chatId);
    cameAt = turn;
    const active = runs.at(-1);
    if (runs.some(({ runId }) => runId === send.runId) || (!entered && !active)) {
      giveBack();
      return { type: 'place' };
    }
    if (!entered) return { type: 'busy', active: active as RunRecord };
  } catch (error) {
    giveBack();
    throw error;
  }
  engine.options.emit({ type: 'send-queued', chatId: send.chatId, runId: send.runId });
  return { type: 'place', leave: await entered, cameAt };
}

/** Waits for the end of a run. @throws ChatTransportError `shutting-down`: a process that closes lets nobody wait for another process's run. */
async function untilOver(engine: Engine, run: RunRecord): Promise<void> {
  try {
    await runEnd(engine, run, engine.draining);
  } catch (error) {
    throw engine.draining.aborted ? closingError() : error;
  }
}

/** Begins the run; one that was stopped while it waited is recorded, and its model is not asked. */
async function beginOrStop(engine: Engine, send: Send, composed: Composed): Promise<StartOutcome> {
  const cancel = engine.sends.find(send)?.cancel;
  // The log may have forgotten it.
  if (cancel)
    await askLog(engine.options, askOf(engine, send, 'command'), () => engine.options.log.command(send, cancel));
  return beginOnce(engine, send, composed);
}

async function beginOnce(engine: Engine, request: Send, composed: Composed): Promise<StartOutcome> {
  const { leaseMs, generateId } = engine.options;
  const { chatId, runId, content, trigger, clientId = '', body = {}, userId } = request;
  const { messages, before, tail, continued, baseTurn, joinKey } = composed;
  const isIncomplete = request.ifComplete === true && continued !== undefined && waitsForClient(continued);
  // A run that only records is over at once: another writer would call the model.
  const mayGoOn = engine.options.onInterrupted === 'continue' && !isIncomplete;
  const begun = await beginInLog(engine, {
    chatId,
    runId,
    digest: content,
    messages,
    start: { trigger, from: clientId, messageId: continued?.id ?? generateId(), before, tail },
    leaseMs,
    fence: crypto.randomUUID(),
    ...(mayGoOn && {
      takeOverMs: engine.options.takeOverMs,
      context: { body, ...(userId !== undefined && { userId }) },
    }),
    ...(baseTurn !== undefined && { baseTurn }),
    ...(joinKey !== undefined && { joinKey }),
  });
  if (begun.type === 'cancelled') {
    engine.publisher.publish(chatId, startFrameOf(begun.run));
    engine.publisher.publish(chatId, endFrameOf(begun.run));
    engine.background(engine.finisher.finish(begun.run, 'cancel', messages));
    return { type: 'cancelled', run: begun.run };
  }
  if (begun.type !== 'started') return begun;
  const message = newMessage(messages, trigger);
  const { done } = startRunTask(engine, begun.run, begun.fence, {
    messages,
    body,
    ...(isIncomplete && { recordsOnly: true }),
    ...(message && { message }),
    ...(userId !== undefined && { userId }),
    ...(request.request && { request: request.request }),
  });
  engine.background(done);
  return { type: 'started', run: begun.run, done };
}

/**
 * Whether an active run is over in a moment, so that a send is not refused because of it, or ends it as cancelled: it only records answers to the
 * message that the send continues, or it has failed. Devices show the error before the end is in the log, because `onFinish` comes in between.
 */
async function isAlmostOver(engine: Engine, active: RunRecord, { continued }: Composed): Promise<boolean> {
  if (continued && isRecording(active, continued.id)) return true;
  try {
    const { chunks } = await engine.runs.read(active);
    return chunks.at(-1)?.type === 'error';
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Whether a run continues a message that still waits for its clients: it records answers, and calls no model. */
function isRecording({ start }: RunRecord, messageId: string): boolean {
  const continued = continuedBy(start);
  return continued?.id === messageId && waitsForClient(continued);
}

/** Begins the run, again with the same fence where the log's reply was lost. @throws what the log throws in the end. */
async function beginInLog(engine: Engine, init: RunInit): Promise<Begun> {
  const { log } = engine.options;
  let failure: unknown;
  const asked = await askLog(engine.options, askOf(engine, init, 'begin'), () =>
    log.begin(init).catch((error: unknown) => {
      failure = error;
      throw error;
    }),
  );
  if (asked) return asked.answer;
  throw failure ?? closingError();
}

function askOf({ options, closing }: Engine, { chatId }: RunKey, operation: string): AskLogOptions {
  const { leaseMs } = options;
  // A third of the lease: a run that began is still this process's then.
  return { chatId, operation, signal: closing, forMs: leaseMs / 3, timeoutMs: leaseMs };
}

function newMessage(messages: readonly UIMessage[], trigger: SendRequest['trigger']): UIMessage | undefined {
  const last = messages.at(-1);
  return trigger === 'submit-message' && last?.role === 'user' ? last : undefined;
}

/** The error of an outcome that began nothing, for callers without HTTP. */
export function startError(outcome: StartOutcome): ChatTransportError | undefined {
  if (outcome.type === 'busy') {
    const message = 'Another answer is being written in this chat. Wait until it ends, or stop it.';
    return new ChatTransportError({ code: 'busy', message });
  }
  if (outcome.type === 'stale') {
    return new ChatTransportError({
      code: 'stale',
      message: 'The chat has changed on another device since this was written. Look at the chat and send again.',
    });
  }
  if (outcome.type !== 'conflict') return;
  return new ChatTransportError({
    code: 'run-conflict',
    message: 'This message was sent before with other content. Send it as a new message.',
  });
}

/** The error of a start that came after `close`. */
export function closingError(): ChatTransportError {
  return new ChatTransportError({
    code: 'shutting-down',
    message: 'The chat server is restarting. Try again in a moment.',
  });
}
