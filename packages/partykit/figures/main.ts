// What 1,000 answers cost in rows written, against Cloudflare's free quota: `pnpm figures`. Measured on real workerd, with SQLite's own count.
import { setup } from '../test/support/bundle-workers.ts';
import { until } from '../test/support/until.ts';
import { Workerd } from '../test/support/workerd.ts';

/**
 * Rows written per day on the Workers Free plan; deleted rows and alarms count.
 * @source https://developers.cloudflare.com/durable-objects/platform/pricing/ (read 2026-11-22)
 */
const freeRowsPerDay = 100_000;
const tokens = 500;
const tokensPerSecond = 100;
/** Long enough for an answer to be over before it is deleted. */
const retentionMs = 4_000;

await setup();
console.log(
  `An answer of ${tokens} tokens at ${tokensPerSecond} per second, made in the object. Rows written per 1,000 answers:\n`,
);
console.log('| flushIntervalMs | written | deleted after the retention | in all | answers per day on the free plan |');
console.log('| --- | --- | --- | --- | --- |');
for (const flushIntervalMs of [50, 100, 250]) {
  const { written, deleted } = await measure(flushIntervalMs);
  const total = written + deleted;
  const cells = [flushIntervalMs, written * 1000, deleted * 1000, total * 1000, Math.floor(freeRowsPerDay / total)];
  console.log(`| ${cells.map((cell) => cell.toLocaleString('en')).join(' | ')} |`);
}

/** The second answer of a chat: a new chat's tables come on top, once. */
async function measure(flushIntervalMs: number): Promise<{ written: number; deleted: number }> {
  const workerd = await Workerd.start({ answers: true, flushIntervalMs, retentionMs });
  try {
    const rows = async (): Promise<number> => (await workerd.seen()).rows.written;
    await answer(workerd, 1);
    const isEmpty = async (): Promise<boolean> => (await workerd.rows('c')).runs === 0;
    await until('a deleted answer', isEmpty, { deadlineMs: 30_000 });
    const before = await rows();
    await answer(workerd, 2);
    const written = (await rows()) - before;
    await until('a deleted answer', isEmpty, { deadlineMs: 30_000 });
    return { written, deleted: (await rows()) - before - written };
  } finally {
    await workerd.stop();
  }
}

async function answer(workerd: Workerd, count: number): Promise<void> {
  const message = { id: crypto.randomUUID(), role: 'user', parts: [{ type: 'text', text: 'hi' }] };
  const response = await fetch(workerd.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 'c', messages: [message] }),
  });
  await until('a model that is asked', async () => (await workerd.model('c')).calls === count);
  await workerd.model('c', { words: tokens, everyMs: 1000 / tokensPerSecond });
  await response.text();
}
