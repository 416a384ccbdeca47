import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { RealtimeServer, RunLog } from '@chat-transport/core/provider';
import { createChatRuntime } from '@chat-transport/core/server';
import { openRun, toolsOf, twoTools } from './scripted-run.ts';

/** How a writer works. */
export interface WriterOptions {
  readonly chatId: string;
  /** Holds the tools' effects, what is published and what is saved. */
  readonly folder: string;
  /** Which writer this is, from 0. */
  readonly writer: number;
  /** Behind which of its appends the process kills (or stops) itself, from 1. 0: never. */
  readonly killAt: number;
  /** `SIGKILL` ends it as the kernel would; `SIGSTOP` freezes it, until somebody else lets it go on. */
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** How far this writer's clock of the log is ahead, in milliseconds: nobody has to wait for the lease of the one before. */
  readonly aheadMs: number;
}

/** The one run of a chat in these tests. */
export const runId = 'run';
/** How many turns of the event loop lie between a chunk and its append at most. */
const turnsToAppend = 4;

/**
 * Answers the chat until its run has ended: begins the run, or goes on with it where the log has it. Signals its own process right behind an append that
 * the log has acknowledged.
 */
export async function writeRun(
  store: RunLog,
  { chatId, folder, writer, killAt, signal: ending }: WriterOptions,
): Promise<void> {
  const note = (name: string, what: string): void => appendFileSync(join(folder, name), `${what}\n`);
  const effect = (what: string): void => note('effects', what);
  let appends = 0;
  let appending: Promise<unknown> | undefined;
  const append: RunLog['append'] = async (...call) => {
    const news = await store.append(...call);
    appends += 1;
    if (appends === killAt) process.kill(process.pid, ending);
    return news;
  };
  const log: RunLog = {
    ...store,
    append(...call) {
      const work = append(...call);
      appending = work;
      return work;
    },
  };
  const realtime: RealtimeServer = {
    name: 'recorder',
    limits: { maxMessageBytes: 65_536, flushIntervalMs: 0 },
    channelName: (id) => id,
    publish: async (_, data) => note(`published-${writer}`, data),
  };

  // The log has each chunk before the next one comes: each is an append of its own.
  async function* oneByOne<T>(stream: ReadableStream<T>): AsyncGenerator<T> {
    for await (const chunk of stream) {
      yield chunk;
      for (let turn = 0; turn < turnsToAppend; turn += 1) await setImmediate();
      await appending;
    }
  }

  const runtime = createChatRuntime({
    log,
    realtime,
    onInterrupted: 'continue',
    toolBarrier: true,
    tools: toolsOf(effect) as NonNullable<Parameters<typeof createChatRuntime>[0]['tools']>,
    respond: async ({ messages, messageId, beforeTool, signal }) =>
      oneByOne(await openRun({ script: twoTools, messages, messageId, beforeTool, effect, abortSignal: signal })),
    onFinish: (input) => note('finished', JSON.stringify({ ...input, writer })),
  });
  try {
    const { turn, active } = await log.state(chatId);
    // No sweep: this clock is ahead, and the store may have other runs, whose writers live.
    if (active) await runtime.continueRun({ chatId, runId, attempt: active.attempt });
    if (turn === 0) {
      const message = {
        ...{ id: 'question', role: 'user' as const },
        parts: [{ type: 'text' as const, text: 'Book a, b, c.' }],
      };
      await runtime.start({ chatId, runId, messages: [message] });
    }
    for (let from = 0; ; ) {
      const { frames, run } = await log.read({ chatId, runId }, { from, waitMs: 20_000 });
      if (run.end) break;
      from = frames.at(-1)?.next ?? from;
    }
  } finally {
    await runtime.close();
  }
}
