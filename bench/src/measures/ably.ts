import { startAblyEmulator } from '@chat-transport/local-services';
import { openAblyPage } from '../ably/ably-page.ts';
import { type DelayProxy, startDelayProxy } from '../ably/delay-proxy.ts';
import { ablyKey } from '../ably/local-ably.ts';
import type { Bench } from '../bench.ts';
import { until } from '../client/until.ts';
import { nowMs } from '../clock.ts';
import { ask, type Script, tokenLength } from '../script.ts';
import type { ContestantName } from '../server/contestant.ts';
import { quantile } from '../statistics.ts';

const names = ['ably', 'ably-ai-transport'] as const satisfies readonly ContestantName[];
/** Between page, chat server and service, each way. */
const oneWayMs = 30;
const script: Script = { kind: 'text', deltas: 500, intervalMs: 10, thinkMs: 0 };
/** How many tokens there are when the page is reloaded. */
const reloadTokens = 50;
/** How long a reloaded page may take to show anything, in milliseconds. */
const reloadLimitMs = 2000;

/**
 * This project and `@ably/ai-transport` on the same emulator of Ably, with 60 ms of round trip between page, chat server and service. The
 * emulator's rates are lifted: 500 tokens in 5 s as messages of their own are more than a connection may publish.
 */
export async function overAbly(bench: Bench): Promise<void> {
  const rates = {
    connectionPublishesPerSecond: 10_000,
    channelPublishesPerSecond: 10_000,
    deliveriesPerSecond: 10_000,
  };
  const emulator = await startAblyEmulator({ keys: [ablyKey], limits: rates });
  const toService = await startDelayProxy(emulator.port, oneWayMs);
  process.env.BENCH_ABLY_PORT = `${toService.port}`;
  const lines: DelayProxy[] = [toService];
  try {
    await bench.interleave(names, async (server, round) => {
      const [first, second, chat] = await Promise.all([
        startDelayProxy(emulator.port, oneWayMs),
        startDelayProxy(emulator.port, oneWayMs),
        startDelayProxy(server.port, oneWayMs),
      ]);
      lines.push(first, second, chat);
      const record = (metric: string, unit: 'ms' | 'bytes' | 'tokens', value: number): void => {
        if (round > 0)
          bench.results.record({ measure: 'ably', metric, unit, reference: 'ably-ai-transport' }, server.name, value);
      };
      const chatId = `ably-${round}-${crypto.randomUUID()}`;
      const page = await openAblyPage(server.name, chatId, { chatPort: chat.port, ablyPort: first.port });
      const tab = await openAblyPage(server.name, chatId, { chatPort: chat.port, ablyPort: second.port });
      const arrivals: number[] = [];
      tab.onShown(() => {
        const tokens = Math.floor(tab.shown() / tokenLength);
        while (arrivals.length < tokens) arrivals.push(nowMs());
      });

      second.takeBytesDown();
      const askedAt = nowMs();
      const firstAt = await readFirst(await page.transport.sendMessages(request(chatId, 'q1', script)));
      record('first token, open page', 'ms', firstAt.at - askedAt);
      await firstAt.rest;
      await until('all tokens on the second tab', () => arrivals.length >= script.deltas);
      const { deltasAt } = await server.ask('emission', chatId);
      const latencies = arrivals.slice(0, script.deltas).map((at, index) => at - (deltasAt[index] ?? Number.NaN));
      record('second tab, added latency p50', 'ms', quantile(latencies, 0.5));
      record('second tab, added latency p99', 'ms', quantile(latencies, 0.99));
      record('second tab, bytes per token', 'bytes', second.takeBytesDown() / script.deltas);
      page.close();
      tab.close();

      await stopAndReload(server, `${chatId}-stop`, { first, second, chat }, record);
    });
  } finally {
    await Promise.all(lines.map((line) => line.close()));
    await bench.stop(names);
    await emulator.close();
  }
}

/** A long answer: a page that is loaded in its midst, and a stop in another tab. */
async function stopAndReload(
  server: Awaited<ReturnType<Bench['server']>>,
  chatId: string,
  lines: { readonly first: DelayProxy; readonly second: DelayProxy; readonly chat: DelayProxy },
  record: (metric: string, unit: 'ms' | 'tokens', value: number) => void,
): Promise<void> {
  const long = { ...script, deltas: 3000 };
  const page = await openAblyPage(server.name, chatId, { chatPort: lines.chat.port, ablyPort: lines.first.port });
  const reading = await readFirst(await page.transport.sendMessages(request(chatId, 'q2', long)));
  while ((await server.ask('emission', chatId)).deltasAt.length < reloadTokens)
    await new Promise((resolve) => setTimeout(resolve, 10));

  const reloadedAt = nowMs();
  const reloaded = await openAblyPage(server.name, chatId, { chatPort: lines.chat.port, ablyPort: lines.second.port });
  let shownAt: number | undefined;
  // What counts is the answer from its beginning, not its newest words.
  while (nowMs() - reloadedAt < reloadLimitMs && shownAt === undefined) {
    if (reloaded.shown() >= reloadTokens * tokenLength) shownAt = nowMs();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  record('reload in mid-answer, tokens shown within 2 s', 'tokens', Math.floor(reloaded.shown() / tokenLength));
  if (shownAt !== undefined) record('reload in mid-answer, shown after', 'ms', shownAt - reloadedAt);

  const runId = await server.ask('runOf', chatId);
  const stoppedAt = nowMs();
  await Promise.all([
    reloaded.stop(runId),
    reading.rest.then(() => record('stop in another tab', 'ms', nowMs() - stoppedAt)),
  ]);
  page.close();
  reloaded.close();
}

function request(chatId: string, messageId: string, what: Script) {
  return {
    trigger: 'submit-message' as const,
    chatId,
    messageId: undefined,
    messages: [ask(messageId, what)],
    abortSignal: undefined,
  };
}

/** When the first token was there; `rest` resolves at the answer's end. */
async function readFirst(
  stream: ReadableStream<{ readonly type: string }>,
): Promise<{ readonly at: number; readonly rest: Promise<void> }> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('The answer ended without a token.');
    if (value.type === 'text-delta') break;
  }
  const at = nowMs();
  const rest = (async () => {
    while (!(await reader.read()).done);
  })();
  return { at, rest };
}
