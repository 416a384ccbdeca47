import {
  ChatTransportError,
  isExpired,
  type RunKey,
  type RunRecord,
  type RunRow,
  toRecord,
  unknownRun,
} from '@chat-transport/core/provider';
import type { RedisKeys } from './redis-keys.ts';
import { type RowReply, toRow } from './replies.ts';
import { type RunScript, type Script, script } from './script-runner.ts';
import { outcome } from './scripts/read-scripts.ts';
import type { Waiting } from './wait.ts';

/** What all calls of one log share. */
export interface LogContext {
  readonly keys: RedisKeys;
  readonly retentionMs: number;
  readonly waiting: Waiting;
  /** Runs a script on a run, with its values behind the time, the retention and the run. @throws ChatTransportError `not-found` where it answers `unknown`. */
  call<T extends readonly unknown[]>(script: Script, key: RunKey, ...values: readonly (string | number)[]): Promise<T>;
  /** Runs a script on any key, with its values behind the time and the retention. */
  ask<T>(script: Script, key: string, ...values: readonly (string | number)[]): Promise<T>;
  /** The record that callers see. */
  record(key: RunKey, row: RowReply, start: string | null, now: number): RunRecord;
  /** A run as it is now, and until when somebody finishes it. @throws ChatTransportError `not-found`. */
  outcome(key: RunKey): Promise<Outcome>;
}

export interface Outcome {
  readonly now: number;
  readonly row: RunRow;
  readonly record: RunRecord;
  readonly finishedUntil: number;
}

type OutcomeReply = readonly ['run', now: number, row: RowReply, start: string | null, finishedUntil: string | null];
const readOutcome = script(outcome);

export function createContext(options: {
  readonly run: RunScript;
  readonly keys: RedisKeys;
  readonly retentionMs: number;
  readonly now: (() => number) | undefined;
  readonly waiting: Waiting;
}): LogContext {
  const { run, keys, retentionMs, now, waiting } = options;
  const rowOf = (key: RunKey, reply: RowReply): RunRow => {
    const row = toRow(key, reply);
    if (row) return row;
    throw unknownRun(key);
  };
  const recordOf = (row: RunRow, start: string | null, time: number): RunRecord =>
    toRecord(row, isExpired(row, time, retentionMs) ? undefined : (start ?? undefined), time);

  const context: LogContext = {
    keys,
    retentionMs,
    waiting,
    async ask<T>(called: Script, key: string, ...values: readonly (string | number)[]) {
      return (await run(called, key, [now?.() ?? '', retentionMs, ...values])) as T;
    },
    async call<T extends readonly unknown[]>(called: Script, key: RunKey, ...values: readonly (string | number)[]) {
      const reply = await context.ask<T>(called, keys.chat(key.chatId), key.runId, ...values);
      if (reply[0] === 'unknown') throw unknownRun(key);
      return reply;
    },
    record: (key, reply, start, time) => recordOf(rowOf(key, reply), start, time),
    async outcome(key) {
      const [, time, reply, start, finishedUntil] = await context.call<OutcomeReply>(readOutcome, key);
      const row = rowOf(key, reply);
      return { now: time, row, record: recordOf(row, start, time), finishedUntil: Number(finishedUntil ?? 0) };
    },
  };
  return context;
}

/** What is thrown by every call after `close`. */
export function closed(): ChatTransportError {
  return new ChatTransportError({ code: 'provider-failed', message: 'redisLog is closed.', retryable: false });
}
