// How many Pusher messages an answer costs at the default policy, counted at Pusher's HTTP API: `pnpm messages`, `pnpm -s messages --json`.
import { memoryLog } from '@chat-transport/core/memory';
import { createChatRuntime } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { defaultFlushIntervalMs, pusher } from '../src/server.ts';
import { serverClient } from '../test/support/harness.ts';
import { startPusherApi } from '../test/support/pusher-api.ts';

const tokens = 500;
/** @see https://pusher.com/channels/pricing/ (Sandbox, read 2026-11-22) */
const messagesPerDay = 200_000;

/** A model that says a word of about five letters per token, at an even pace. */
async function* answer(tokensPerSecond: number): AsyncGenerator<UIMessageChunk> {
  yield { type: 'start' };
  yield { type: 'start-step' };
  yield { type: 'text-start', id: '0' };
  const startedAt = performance.now();
  for (let token = 0; token < tokens; token += 1) {
    const waitMs = startedAt + (token * 1000) / tokensPerSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    yield { type: 'text-delta', id: '0', delta: 'words ' };
  }
  yield { type: 'text-end', id: '0' };
  yield { type: 'finish-step' };
  yield { type: 'finish', finishReason: 'stop' };
}

/** Publishes of one answer: its start, its frames, its end. */
async function count(tokensPerSecond: number, flushIntervalMs: number): Promise<number> {
  const api = await startPusherApi();
  const client = serverClient({ appId: '1', key: 'key', secret: 'secret' }, api.port);
  const runtime = createChatRuntime({
    log: memoryLog({ allowServerless: true }),
    realtime: pusher({ client, flushIntervalMs }),
    respond: () => answer(tokensPerSecond),
  });
  const message = { id: 'm1', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
  const { done } = await runtime.start({ chatId: 'c1', messages: [message] });
  await done;
  await runtime.close();
  await api.close();
  return api.events.length;
}

const cases = [
  { tokensPerSecond: 50, flushIntervalMs: undefined },
  { tokensPerSecond: 100, flushIntervalMs: undefined },
  { tokensPerSecond: 200, flushIntervalMs: undefined },
  { tokensPerSecond: 100, flushIntervalMs: 500 },
];
const results = await Promise.all(
  cases.map(async ({ tokensPerSecond, flushIntervalMs = defaultFlushIntervalMs }) => {
    const publishes = await count(tokensPerSecond, flushIntervalMs);
    // Each publish counts once, and once more for each device that gets it.
    const answersPerDay = [1, 2, 5].map((devices) => Math.floor(messagesPerDay / (publishes * (1 + devices))));
    return { tokens, tokensPerSecond, flushIntervalMs, publishes, answersPerDay };
  }),
);

const lines = results.map(
  ({ tokensPerSecond, flushIntervalMs, publishes, answersPerDay }) =>
    `| ${tokensPerSecond} | ${flushIntervalMs} ms | ${publishes} | ${answersPerDay.join(' | ')} |`,
);
const table = [
  `${tokens} tokens each; a day of ${messagesPerDay.toLocaleString('en')} messages.`,
  '',
  '| tokens per second | flushed every | publishes | answers a day on 1 device | on 2 | on 5 |',
  '| --- | --- | --- | --- | --- | --- |',
  ...lines,
];
const isJson = process.argv.includes('--json');
process.stdout.write(`${isJson ? JSON.stringify({ messagesPerDay, results }, null, 2) : table.join('\n')}\n`);
