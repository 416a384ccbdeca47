import type { UIMessage } from 'ai';
import { parseId } from '../ids.ts';
import type { CommandReceipt, RunCommand, RunKey, RunRecord } from '../log/run-log.ts';
import { type ChatStateView, readHead, viewOf } from './conversation/head.ts';
import type { Engine } from './engine.ts';
import { LiveAccess, type Revocation } from './http/live-access.ts';
import { endFrameOf } from './http/sse-text.ts';
import { type ChatRuntimeOptions, finishTimeoutMs, resolveOptions } from './options.ts';
import {
  beginRun,
  closingError,
  type QueuedSend,
  type StartOutcome,
  type StartRequest,
  startError,
} from './run/begin-run.ts';
import { createContinuations } from './run/continuations.ts';
import type { ContinueRequest } from './run/continue-token.ts';
import { deleteChat } from './run/delete-chat.ts';
import { FairTurns } from './run/fair-turns.ts';
import { createFinisher } from './run/finish.ts';
import type { LiveRun } from './run/live-run.ts';
import { settledWithin } from './run/notifier.ts';
import { createPublisher } from './run/publisher.ts';
import { runEnd } from './run/read-run.ts';
import { RevocationFeed } from './run/revocation-feed.ts';
import { sendCommand } from './run/send-command.ts';
import { SendQueue } from './run/send-queue.ts';
import { SharedCalls } from './run/shared-calls.ts';
import { WholeRuns } from './run/whole-runs.ts';

/** How many runs one `sweep` deals with at most. */
export const defaultSweepLimit = 100;

/** A run that a server started. */
export interface StartedRun {
  readonly run: RunRecord;
  /** `exists`: the same request began before, or another device continued the same message. `cancelled`: a cancel was there first. */
  readonly begun: 'started' | 'exists' | 'cancelled';
  /** Resolves with the run's record when it is over. Never rejects. */
  readonly done: Promise<RunRecord>;
}

/** The engine of `createChatHandler` without HTTP, for queue workers, cron jobs and webhooks. */
export interface ChatRuntime {
  /** Starts a run. @throws ChatTransportError `busy`, `stale`, `run-conflict`, `invalid-message`, `invalid-id`, `log-expired`, `provider-failed`. */
  start(request: StartRequest): Promise<StartedRun>;
  /** Cancels or steers a run, wherever it is written. @throws ChatTransportError `not-found` (a steer of an unknown run), `invalid-id`. */
  command(key: RunKey, command: RunCommand, options?: { readonly waitMs?: number }): Promise<CommandReceipt>;
  /** A chat as its clients see it. */
  state(chatId: string): Promise<ChatStateView>;
  /**
   * Deletes a chat: ends its active run as `cancel` and erases everything in the log. A tombstone without text stays, so that nothing that was under
   * way brings the chat back, and devices that watch learn that it is empty. Resolves when no `onFinish` of this chat runs in this
   * process any more, at most `finishTimeoutMs` later: delete your own copy after it. A second call changes nothing.
   * @throws ChatTransportError `invalid-id`, `provider-failed`.
   */
  deleteChat(chatId: string): Promise<{ readonly turn: number }>;
  /**
   * Goes on with a run whose writer `request.attempt` has stopped: for the worker of the queue that `continueRun` fills. Answers whether this process writes
   * the run from now on: `false` where another one was first, or the run is over. @throws ChatTransportError `invalid-id`.
   */
  continueRun(request: ContinueRequest): Promise<boolean>;
  /** For cron: finishes runs whose writers died and that nobody reads, and `onFinish` calls that failed. Answers how many it dealt with. */
  sweep(options?: { readonly limit?: number }): Promise<number>;
  /**
   * Takes back access to a chat: ends the streams and subscriptions of a user, or of everybody, and refuses credentials that were given
   * before. At once in this process, and in every other one as soon as the log's notice reaches it. Clients that may still read reconnect by themselves, so
   * change what `authorize` answers first. Resolves when the log has it.
   * @throws ChatTransportError `invalid-id`; `provider-failed` where the log did not answer: other processes then notice within `reauthorizeMs`.
   */
  revoke(revocation: Revocation): Promise<void>;
  /**
   * Starts nothing more, ends the runs that are written here as `deadline` with what they have, and ends all readers. Idempotent.
   * The log and the realtime service stay open: they are yours.
   */
  close(): Promise<void>;
}

/** A runtime with its insides, for the HTTP half. */
export interface RuntimeParts {
  readonly runtime: ChatRuntime;
  readonly engine: Engine;
  /** Begins a run; see `beginRun`. */
  begin(request: StartRequest, queueWaitMs?: number): Promise<StartOutcome | QueuedSend>;
}

/** Creates the engine. @throws ChatTransportError `misconfigured` when there is no log. */
export function createChatRuntime<UI_MESSAGE extends UIMessage = UIMessage>(
  options: ChatRuntimeOptions<UI_MESSAGE>,
): ChatRuntime {
  return createRuntimeParts(options as unknown as ChatRuntimeOptions).runtime;
}

/** @see createChatRuntime */
export function createRuntimeParts(options: ChatRuntimeOptions): RuntimeParts {
  const resolved = resolveOptions(options);
  const { log, realtime, clock, emit, waitUntil } = resolved;
  const draining = new AbortController();
  const closing = new AbortController();
  const working = new Set<Promise<unknown>>();
  const background = (work: Promise<unknown>): void => {
    const quiet = work.then(
      () => {},
      () => {},
    );
    working.add(quiet);
    void quiet.then(() => working.delete(quiet));
    waitUntil?.(quiet);
  };
  const idle = async (): Promise<void> => {
    while (working.size > 0) await Promise.all(working);
  };
  const publisher = createPublisher({ realtime, publishesByItself: realtime?.log === log, clock, emit });
  const live = new Map<string, LiveRun>();
  const turns = new FairTurns(clock);
  const runs = new WholeRuns({ options: resolved, live, background }, turns);
  const watchersOf = (chatId: string): number | undefined => {
    if (realtime && !realtime.watcherCount) return undefined;
    return parts.access.count(chatId) + (realtime?.watcherCount?.(chatId) ?? 0);
  };
  const finisher = createFinisher(resolved, publisher, background, closing.signal, runs, {
    chat: (chatId) => readHead(engine, chatId),
    watchersOf,
  });
  const revocations = new RevocationFeed({
    log,
    clock,
    emit,
    generateId: resolved.generateId,
    isAlone: realtime?.isAlone ?? false,
    apply(revocation) {
      parts.access.revoke(revocation);
      realtime?.revoke?.(revocation);
    },
  });
  const parts: Omit<Engine, 'continuations'> = {
    options: resolved,
    publisher,
    finisher,
    live,
    sends: new SendQueue(),
    runs,
    turns,
    states: new SharedCalls(turns),
    access: new LiveAccess(resolved, (chatId) => revocations.listen(chatId)),
    revocations,
    draining: draining.signal,
    closing: closing.signal,
    background,
  };
  // The parts themselves, so that all share one engine.
  const engine: Engine = Object.assign(parts, { continuations: createContinuations(parts) });
  let closed: Promise<void> | undefined;

  const begin = async (request: StartRequest, queueWaitMs?: number): Promise<StartOutcome | QueuedSend> => {
    parseId('chatId', request.chatId);
    if (draining.signal.aborted) throw closingError();
    return beginRun(engine, request, queueWaitMs);
  };

  const runtime: ChatRuntime = {
    async start(request) {
      const outcome = (await begin(request)) as StartOutcome;
      const error = startError(outcome);
      if (error) throw error;
      const { type: begun, run, done } = outcome as StartedOutcome;
      return { run, begun, done: done ?? runEnd(engine, run).catch(() => run) };
    },
    command(key, command, wait) {
      parseId('chatId', key.chatId);
      parseId('runId', key.runId);
      parseId('id', command.id);
      return sendCommand(engine, key, command, wait);
    },
    async state(chatId) {
      return viewOf(await readHead(engine, parseId('chatId', chatId)));
    },
    deleteChat: (chatId) => deleteChat(engine, parseId('chatId', chatId)),
    async continueRun({ chatId, runId, attempt }) {
      return engine.continuations.goOn({ chatId: parseId('chatId', chatId), runId: parseId('runId', runId) }, attempt);
    },
    async sweep({ limit = defaultSweepLimit } = {}) {
      const runs = await log.unfinished(limit);
      for (const run of runs) {
        if (run.interrupted) {
          await engine.continuations.found(run);
          continue;
        }
        const reason = run.end?.reason ?? 'lost';
        if (reason === 'lost') publisher.publish(run.chatId, endFrameOf(run));
        await finisher.finish(run, reason);
      }
      return runs.length;
    },
    async revoke({ chatId, userId }) {
      await revocations.revoke({ chatId: parseId('chatId', chatId), userId });
    },
    close() {
      closed ??= (async () => {
        draining.abort();
        for (const run of live.values()) run.onShutdown();
        await settledWithin(clock, 2 * finishTimeoutMs, idle());
        await publisher.drain(finishTimeoutMs);
        closing.abort(closingError());
        publisher.close();
      })();
      return closed;
    },
  };
  return { runtime, engine, begin };
}

interface StartedOutcome {
  readonly type: StartedRun['begun'];
  readonly run: RunRecord;
  readonly done?: Promise<RunRecord>;
}
