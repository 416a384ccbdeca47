import { type CommandReceipt, defaultRetentionMs, type RunLog } from '@chat-transport/core/provider';
import { createDueRuns } from './due-runs.ts';
import { closed, createContext } from './log-context.ts';
import { createNotices } from './notices.ts';
import { createReading } from './reading.ts';
import type { RedisLogClient } from './redis-client.ts';
import { defaultKeyPrefix, redisKeys } from './redis-keys.ts';
import { createScriptRunner, defaultCallTimeoutMs, script } from './script-runner.ts';
import * as scripts from './scripts/command-scripts.ts';
import { createWaiting } from './wait.ts';
import { createWriting } from './writing.ts';

/** Options of `redisLog`. */
export interface RedisLogOptions {
  /** A connected client of the `redis` package: `createClient` or `createCluster`. The log leaves it open, and opens one more connection of its kind to listen. */
  readonly client: RedisLogClient;
  /** In front of every key and channel. @default defaultKeyPrefix */
  readonly keyPrefix?: string;
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs */
  readonly retentionMs?: number;
  /** How long Redis may take to answer, in milliseconds; then the call fails with `provider-failed`. @default defaultCallTimeoutMs */
  readonly callTimeoutMs?: number;
  /** The log's clock, in milliseconds, for tests. @default the server's */
  readonly now?: () => number;
}

const cancelRun = script(scripts.cancel);
const steerRun = script(scripts.steer);
const takeClaim = script(scripts.claim);
const sendPulse = script(scripts.pulse);

type CommandReply = readonly ['accepted' | 'delivered' | 'ended'] | readonly ['receipt', string];

/** A log in Redis, for any number of processes. Every call is one transaction on one chat; an append is one round trip. */
export function redisLog(options: RedisLogOptions): RunLog {
  const { client, callTimeoutMs = defaultCallTimeoutMs, retentionMs = defaultRetentionMs } = options;
  const keys = redisKeys(options.keyPrefix ?? defaultKeyPrefix);
  const runScript = createScriptRunner(client, callTimeoutMs);
  const notices = createNotices(() => client.duplicate(), {
    channel: keys.pulse,
    send: () => runScript(sendPulse, keys.pulse, []),
  });
  const waiting = createWaiting(notices);
  let isClosed = false;
  let closing: Promise<void> | undefined;

  const run: typeof runScript = async (...call) => {
    if (isClosed) throw closed();
    return runScript(...call);
  };
  const context = createContext({ run, keys, retentionMs, now: options.now, waiting });
  const due = createDueRuns(context);

  return {
    name: 'redisLog',
    ...createWriting(context, due),
    ...createReading(context),

    async command(key, command) {
      const values = [command.id, keys.changes(key.chatId)];
      if (command.type === 'steer') {
        return receiptOf(await context.call(steerRun, key, ...values, JSON.stringify(command)));
      }
      const [reply] = await Promise.all([context.call<CommandReply>(cancelRun, key, ...values), due.dueIn(key, 0)]);
      return receiptOf(reply);
    },

    async claim(chatId, name, owner, ttlMs) {
      const isGranted = (await context.ask<number>(takeClaim, keys.chat(chatId), name, owner, ttlMs)) === 1;
      if (isGranted && name.startsWith(finishing)) {
        await due.dueIn({ chatId, runId: name.slice(finishing.length) }, ttlMs);
      }
      return isGranted;
    },

    unfinished: (limit) => due.unfinished(limit),

    close() {
      closing ??= waiting.close().then(() => {
        isClosed = true;
        notices.close();
      });
      return closing;
    },
  };
}

/** The claims that say that somebody takes care of a run's end. */
const finishing = 'finish:';

function receiptOf([outcome, receipt]: CommandReply): CommandReceipt {
  if (outcome === 'receipt') return JSON.parse(receipt);
  return outcome === 'ended' ? { outcome: 'not-delivered', reason: 'ended' } : { outcome };
}
