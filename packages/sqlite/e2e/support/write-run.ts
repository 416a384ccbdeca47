import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { RunLog } from '@chat-transport/core/provider';
import { createChatRuntime } from '@chat-transport/core/server';
import { openRun, toolsOf, twoTools } from '../../../core/test/server/continuation/scripted-run.ts';
import { sqliteLog } from '../../src/index.ts';

/** The one run of these tests. */
export const key = { chatId: 'chat', runId: 'run' } as const;

/** How a writer works. */
export interface WriterOptions {
  /** Holds the log, the tools' effects and what is saved. */
  readonly folder: string;
  /** Behind which of its appends the process kills itself, from 1. 0: never. */
  readonly killAt: number;
  /** How far this writer's clock of the log is ahead, in milliseconds: nobody has to wait for the lease of the one before. */
  readonly aheadMs: number;
}

/** How many turns of the event loop lie between a chunk and its append at most. */
const turnsToAppend = 4;

/**
 * Answers the chat until its run has ended: begins the run, or goes on with it where the log has it. Kills its process as the kernel would, right
 * behind an append that the log has acknowledged.
 */
export async function writeRun({ folder, killAt, aheadMs }: WriterOptions): Promise<void> {
  const effect = (what: string): void => appendFileSync(join(folder, 'effects'), `${what}\n`);
  const file = sqliteLog({ path: join(folder, 'chats.db'), now: () => Date.now() + aheadMs });
  let appends = 0;
  let appending: Promise<unknown> | undefined;
  const append: RunLog['append'] = async (...call) => {
    const news = await file.append(...call);
    appends += 1;
    if (appends === killAt) process.kill(process.pid, 'SIGKILL');
    return news;
  };
  const log: RunLog = {
    ...file,
    append(...call) {
      const work = append(...call);
      appending = work;
      return work;
    },
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
    onInterrupted: 'continue',
    toolBarrier: true,
    tools: toolsOf(effect) as NonNullable<Parameters<typeof createChatRuntime>[0]['tools']>,
    respond: async ({ messages, messageId, beforeTool, signal }) =>
      oneByOne(await openRun({ script: twoTools, messages, messageId, beforeTool, effect, abortSignal: signal })),
    onFinish: (input) => appendFileSync(join(folder, 'finished'), `${JSON.stringify(input)}\n`),
  });
  try {
    if ((await log.state(key.chatId)).turn === 0) {
      const message = {
        ...{ id: 'question', role: 'user' as const },
        parts: [{ type: 'text' as const, text: 'Book a, b, c.' }],
      };
      await runtime.start({ ...key, messages: [message] });
    }
    await runtime.sweep();
    for (let from = 0; ; ) {
      const { frames, run } = await log.read(key, { from, waitMs: 20_000 });
      if (run.end) break;
      from = frames.at(-1)?.next ?? from;
    }
  } finally {
    await runtime.close();
    await file.close();
  }
}
