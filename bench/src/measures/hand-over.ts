import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { createChatHandler, type RespondInput } from '@chat-transport/core/server';
import { sqliteLog } from '@chat-transport/sqlite';
import { createAdaptorServer } from '@hono/node-server';
import { DefaultChatTransport, isToolUIPart, type UIMessage, type UIMessageChunk } from 'ai';
import type { Bench } from '../bench.ts';
import type { ContestantName } from '../server/contestant.ts';
import { quantile } from '../statistics.ts';

/** How many runs are handed over in a round. */
const handOvers = 50;
const secret = randomBytes(32);
const softDeadlineMs = 1;

/** The log of each contestant: two handlers share it, as two functions do. */
const logs: readonly (readonly [ContestantName, (folder: string) => RunLog])[] = [
  ['immediate', () => memoryLog()],
  ['immediate-sqlite', (folder) => sqliteLog({ path: join(folder, 'chats.db') })],
];

/** One step with a tool's output, then, in the next function, the answer: each word at once. */
async function* respond({ messages }: RespondInput): AsyncGenerator<UIMessageChunk> {
  const hasOutput = messages.at(-1)?.parts.some((part) => isToolUIPart(part) && part.state === 'output-available');
  yield { type: 'start' };
  yield { type: 'start-step' };
  if (hasOutput) {
    yield { type: 'text-start', id: 't' };
    yield { type: 'text-delta', id: 't', delta: 'word' };
    yield { type: 'text-end', id: 't' };
    yield { type: 'finish-step' };
    return yield { type: 'finish' };
  }
  // Timers go off in the order of their times: the soft deadline is over.
  await new Promise((resolve) => setTimeout(resolve, softDeadlineMs + 1));
  yield { type: 'tool-input-available', toolCallId: 'a', toolName: 'book', input: {} };
  yield { type: 'tool-output-available', toolCallId: 'a', output: 'booked' };
  yield { type: 'finish-step' };
}

/** A handler on a port of its own. The one that runs begin in gives them up between two steps, and posts to `continueUrl`. */
async function serve(log: RunLog, continueUrl?: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const handler = createChatHandler({
    log,
    authorize: () => true,
    respond,
    onInterrupted: 'continue',
    tools: {},
    toolBarrier: true,
    continueSecret: secret,
    continueUrl: continueUrl ?? 'http://127.0.0.1:1',
    ...(continueUrl !== undefined && { softDeadlineMs }),
  });
  const server = createAdaptorServer({ fetch: handler });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat`,
    async close() {
      await handler.runtime.close();
      server.close();
    },
  };
}

/** How long a device waits between the last chunk of one function and the first one of the next, in milliseconds. */
async function gapOf(transport: DefaultChatTransport<UIMessage>, chatId: string): Promise<number> {
  const message: UIMessage = { id: 'question', role: 'user', parts: [{ type: 'text', text: 'Book.' }] };
  const stream = await transport.sendMessages({
    ...{ chatId, messages: [message], trigger: 'submit-message' },
    ...{ messageId: undefined, abortSignal: undefined },
  });
  let handedOverAt = Number.NaN;
  let gap = Number.NaN;
  for await (const { type } of stream) {
    if (type === 'start-step' && !Number.isNaN(handedOverAt)) gap = performance.now() - handedOverAt;
    if (type === 'finish-step') handedOverAt = performance.now();
  }
  return gap;
}

/** The gap that a stock client sees when a run is handed over between two steps, by a signed request of the app to itself, on loopback. */
export async function handOver(bench: Bench): Promise<void> {
  for (let round = 0; round <= bench.rounds; round += 1) {
    for (const [name, open] of logs) {
      const folder = await mkdtemp(join(tmpdir(), 'hand-over-'));
      const log = open(folder);
      const next = await serve(log);
      const first = await serve(log, next.url);
      const transport = new DefaultChatTransport<UIMessage>({ api: first.url });
      const gaps: number[] = [];
      for (let index = 0; index < handOvers; index += 1) gaps.push(await gapOf(transport, `chat-${index}`));
      for (const each of [first, next]) await each.close();
      await log.close();
      await rm(folder, { recursive: true });
      if (round === 0) continue;
      for (const [metric, share] of [
        ['gap p50', 0.5],
        ['gap p99', 0.99],
      ] as const) {
        bench.results.record(
          { measure: 'hand-over', metric, unit: 'ms', reference: 'immediate' },
          name,
          quantile(gaps, share),
        );
      }
    }
  }
}
