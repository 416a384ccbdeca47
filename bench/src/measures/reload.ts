import { Chat } from '@ai-sdk/react';
import type { Bench } from '../bench.ts';
import { openPage } from '../client/page.ts';
import type { ServerProcess } from '../client/server-process.ts';
import { shownLength } from '../client/shown.ts';
import { nowMs } from '../clock.ts';
import { ask, contentLength, type Script, tokenLength } from '../script.ts';
import type { ContestantName } from '../server/contestant.ts';

const names: readonly ContestantName[] = ['stock-sse', 'stock-websocket', 'immediate', 'immediate-sqlite'];
const answers = {
  text: {
    script: { kind: 'text', deltas: 10_000, intervalMs: 0, thinkMs: 0, hold: true },
    shown: 10_000 * tokenLength,
  },
  'tool input': { script: { kind: 'tool', deltas: 5000, intervalMs: 0, thinkMs: 0, hold: true }, shown: contentLength },
} as const;

/** The time and the state writes until a tab that was reloaded in mid-answer shows all that there is. */
export async function reload(bench: Bench): Promise<void> {
  for (const [metric, { script, shown }] of Object.entries(answers)) {
    const chatId = `reload-${script.kind}`;
    const close = await Promise.all(names.map(async (name) => keepOpen(await bench.server(name), chatId, script)));
    await bench.interleave(names, async (server, round) => {
      const { tookMs, writes } = await reloadOnce(server, chatId, script, shown);
      if (round === 0) return;
      bench.results.record({ measure: 'reload', metric, unit: 'ms' }, server.name, tookMs);
      bench.results.record({ measure: 'reload', metric: `${metric}, writes`, unit: 'writes' }, server.name, writes);
    });
    for (const end of close) await end();
  }
}

/** Has an answer said up to its last delta, and holds it open; the answer ends it. */
async function keepOpen(server: ServerProcess, chatId: string, script: Script): Promise<() => Promise<void>> {
  const page = openPage(server.name, server.port);
  const stream = await page.transport.sendMessages({
    trigger: 'submit-message',
    chatId,
    messageId: undefined,
    messages: [ask('question', script)],
    abortSignal: undefined,
  });
  const reading = stream.pipeTo(new WritableStream());
  while ((await server.ask('emission', chatId)).deltasAt.length < script.deltas) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return async () => {
    await server.ask('release');
    await reading;
    page.close();
  };
}

async function reloadOnce(
  server: ServerProcess,
  chatId: string,
  script: Script,
  shown: number,
): Promise<{ tookMs: number; writes: number }> {
  const startedAt = nowMs();
  const page = openPage(server.name, server.port);
  const chat = new Chat({ id: chatId, transport: page.transport, messages: [ask('question', script)], onError() {} });
  let writes = 0;
  const tookMs = await new Promise<number>((resolve) => {
    chat['~registerMessagesCallback'](() => {
      writes += 1;
      if (shownLength(chat) === shown) resolve(nowMs() - startedAt);
    });
    void chat.resumeStream();
  });
  // Of the stock transports, only the socket's can be left without stopping the answer.
  if (server.name === 'stock-sse') await chat.stop();
  page.close();
  return { tookMs, writes };
}
