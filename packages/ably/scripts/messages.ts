// How many Ably messages an answer costs at the default policy, counted by the emulator: `pnpm messages`, `pnpm -s messages --json`.
import { memoryLog } from '@chat-transport/core/memory';
import { createChatRuntime } from '@chat-transport/core/server';
import { startAblyEmulator } from '@chat-transport/local-services';
import { Realtime } from 'ably';
import type { UIMessageChunk } from 'ai';
import { ably, defaultFlushIntervalMs } from '../src/server.ts';

const tokens = 500;
/**
 * What an account carries. Ably counts a message when it is published, and again for each device that it is delivered to.
 * @see https://ably.com/docs/platform/pricing/resource-based (read 2026-11-29); Standard has no monthly limit and pays $2.50 per million
 */
const accounts = {
  freePerMonth: 6_000_000,
  freePerSecond: 500,
  standardPerSecond: 2_500,
  dollarsPerMillion: 2.5,
} as const;

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

/** What one answer costs for some devices that follow it. */
async function count(tokensPerSecond: number, flushIntervalMs: number, devices: number) {
  const emulator = await startAblyEmulator();
  const local = {
    endpoint: '127.0.0.1',
    port: emulator.port,
    tls: false,
    fallbackHosts: [],
    key: emulator.keys[0] ?? '',
  };
  const clients = Array.from({ length: devices }, () => new Realtime(local));
  await Promise.all(clients.map((client) => client.channels.get('chat:c').subscribe(() => {})));
  const client = new Realtime({ ...local, echoMessages: false });
  const runtime = createChatRuntime({
    log: memoryLog({ allowServerless: true }),
    realtime: ably({ client, flushIntervalMs }),
    respond: () => answer(tokensPerSecond),
  });
  const message = { id: 'm1', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
  const startedAt = performance.now();
  const { done } = await runtime.start({ chatId: 'c', messages: [message] });
  await done;
  await runtime.close();
  const seconds = (performance.now() - startedAt) / 1000;
  const { published, delivered } = emulator.counts;
  for (const each of [client, ...clients]) each.close();
  await emulator.close();
  return { published, messages: published + delivered, messagesPerSecond: (published + delivered) / seconds };
}

const cases = [
  { tokensPerSecond: 50, flushIntervalMs: defaultFlushIntervalMs, devices: 1 },
  { tokensPerSecond: 100, flushIntervalMs: defaultFlushIntervalMs, devices: 1 },
  { tokensPerSecond: 100, flushIntervalMs: defaultFlushIntervalMs, devices: 2 },
  { tokensPerSecond: 200, flushIntervalMs: defaultFlushIntervalMs, devices: 1 },
  { tokensPerSecond: 100, flushIntervalMs: 500, devices: 1 },
];
const results = await Promise.all(
  cases.map(async (each) => {
    const counted = await count(each.tokensPerSecond, each.flushIntervalMs, each.devices);
    return {
      ...each,
      ...counted,
      freeAnswersPerMonth: Math.floor(accounts.freePerMonth / counted.messages),
      freeAnswersAtOnce: Math.floor(accounts.freePerSecond / counted.messagesPerSecond),
      standardAnswersAtOnce: Math.floor(accounts.standardPerSecond / counted.messagesPerSecond),
      standardDollarsPer1000: (counted.messages * accounts.dollarsPerMillion) / 1000,
    };
  }),
);

const table = [
  `An answer of ${tokens} tokens.`,
  '',
  '| tokens per second | flushed every | devices | published | messages | Free: answers a month | Free: at once | Standard: at once | Standard: 1,000 answers |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ...results.map((each) => {
    const { tokensPerSecond, flushIntervalMs, devices, published, messages } = each;
    const money = `$${each.standardDollarsPer1000.toFixed(2)}`;
    const free = `${each.freeAnswersPerMonth.toLocaleString('en')} | ${each.freeAnswersAtOnce}`;
    return `| ${tokensPerSecond} | ${flushIntervalMs} ms | ${devices} | ${published} | ${messages} | ${free} | ${each.standardAnswersAtOnce} | ${money} |`;
  }),
];
const isJson = process.argv.includes('--json');
process.stdout.write(`${isJson ? JSON.stringify({ tokens, accounts, results }, null, 2) : table.join('\n')}\n`);
process.exit();
