import type { UIMessage } from 'ai';
import { longestClaimMs, type RunRecord } from '../../log/run-log.ts';
import type { EndReason } from '../../wire/frame.ts';
import type { Head } from '../conversation/head.ts';
import { withRun } from '../conversation/history.ts';
import { keyOf } from '../engine.ts';
import { endFrameOf } from '../http/sse-text.ts';
import { finishTimeoutMs, type ResolvedOptions } from '../options.ts';
import { settledWithin } from './notifier.ts';
import type { Publisher } from './publisher.ts';
import type { WholeRuns } from './whole-runs.ts';

/** How long a process that calls `onFinish` keeps the others from it, in milliseconds. A process that dies meanwhile is replaced after that. */
const finishClaimMs = 30_000;
/** How many runs this process remembers to have dealt with. More than that costs a claim in the log, nothing else. */
const maxRemembered = 1000;

/** Calls `onFinish`, at least once per run over all processes, and reports to devices the ends that no writer reports. */
export interface Finisher {
  /** Calls `onFinish` unless another process has or does. Resolves after `finishTimeoutMs` at the latest; never rejects. */
  finish(run: RunRecord, outcome: EndReason, messages?: readonly UIMessage[]): Promise<void>;
  /** Deals with a run that was found without its writer. */
  foundLost(run: RunRecord): void;
  /** Resolves when no `onFinish` of this chat runs here any more, or after `finishTimeoutMs`. */
  idle(chatId: string): Promise<void>;
  /** Deals with a run that was cancelled here while its writer is elsewhere, or nowhere. */
  cancelledElsewhere(run: RunRecord): void;
}

/** What a finisher asks about a chat. */
export interface ChatQuestions {
  /** The conversation as it is now, with the newest run's answer. */
  chat(chatId: string): Promise<Pick<Head, 'messages'>>;
  watchersOf(chatId: string): number | undefined;
}

/** @see Finisher */
export function createFinisher(
  options: ResolvedOptions,
  publisher: Publisher,
  background: (work: Promise<unknown>) => void,
  closing: AbortSignal,
  runs: WholeRuns,
  { chat, watchersOf }: ChatQuestions,
): Finisher {
  const { log, clock, onFinish, emit } = options;
  const owner = crypto.randomUUID();
  const told = new Map<string, EndReason>();
  const running = new Map<string, Promise<void>>();
  /** When this process found a run without its writer. Another process may have the claim on it, for a while. */
  const found = new Map<string, number>();

  const remember = (key: string, outcome: EndReason): void => {
    told.set(key, outcome);
    forgetOldest(told);
  };

  const conversation = async (run: RunRecord, messages?: readonly UIMessage[]): Promise<UIMessage[]> => {
    // Only a run that is over can have a successor. With one, the conversation in the log already says what is left of this run's answer.
    const isNewest = !run.end || (messages && (await log.state(run.chatId)).turn <= run.turn);
    if (!messages || !isNewest) return [...(await chat(run.chatId)).messages];
    const folded = await runs.fold(run);
    // A copy: the app may change what it is given, and this process keeps the fold.
    return folded ? withRun(messages, run.start, structuredClone(folded.message)) : [...messages];
  };

  const call = async (run: RunRecord, outcome: EndReason, messages?: readonly UIMessage[]): Promise<void> => {
    const { chatId, runId, turn, attempt } = run;
    const key = keyOf(run);
    const isTold = told.get(key) === outcome;
    if (isTold && !run.end) return;
    const claim = `finish:${runId}`;
    try {
      if (!onFinish) {
        remember(key, outcome);
        // The writer's own ends need no claim; what was found would be found again.
        if (!messages) await log.claim(chatId, claim, owner, longestClaimMs);
        return;
      }
      if (!isTold) {
        // Not remembered: the process that has the claim may die with it, and then this process takes over.
        if (!(await log.claim(chatId, claim, owner, finishClaimMs))) return;
        const whole = await conversation(run, messages);
        await onFinish({ chatId, runId, turn, outcome, attempt, messages: whole, watchers: watchersOf(chatId) });
        remember(key, outcome);
      }
      // A writer that dies before its end is in the log has reported an outcome that may not hold: the next process reports the one that does.
      if (run.end) await log.claim(chatId, claim, owner, longestClaimMs);
    } catch (error) {
      emit({ type: 'finish-failed', chatId, runId, error });
    }
  };

  const finish: Finisher['finish'] = async (run, outcome, messages) => {
    const key = keyOf(run);
    // The claim cannot tell two calls of one process apart: they go one after the other.
    const before = running.get(key) ?? Promise.resolve();
    const work = before.then(() => call(run, outcome, messages));
    running.set(key, work);
    background(work);
    void work.then(() => running.get(key) === work && running.delete(key));
    await settledWithin(clock, finishTimeoutMs, work);
  };

  return {
    finish,
    async idle(chatId) {
      const ofChat = [...running].filter(([key]) => key.startsWith(`${chatId}/`)).map(([, work]) => work);
      await settledWithin(clock, finishTimeoutMs, Promise.all(ofChat));
    },
    foundLost(run) {
      const key = keyOf(run);
      const foundAtMs = found.get(key) ?? Number.NEGATIVE_INFINITY;
      if (told.has(key) || running.has(key) || clock.now() - foundAtMs < finishClaimMs) return;
      found.set(key, clock.now());
      forgetOldest(found);
      publisher.publish(run.chatId, endFrameOf(run));
      void finish(run, 'lost');
    },
    cancelledElsewhere(run) {
      if (told.has(keyOf(run)) || running.has(keyOf(run))) return;
      publisher.publish(run.chatId, endFrameOf(run));
      // A writer that lives does it within its lease, with what it knows; a dead one never.
      const timer = clock.setTimeout(() => {
        if (!closing.aborted) void finish(run, 'cancel');
      }, options.leaseMs);
      (timer as { unref?: () => void }).unref?.();
    },
  };
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size > maxRemembered) for (const oldest of map.keys()) return void map.delete(oldest);
}
