import type { RunInit } from '@chat-transport/core/provider';
import { expect, onTestFinished, test } from 'vitest';
import { partykitServer } from '../src/remote.ts';
import { secret, Workerd } from './support/workerd.ts';

const run: RunInit = {
  chatId: 'c',
  runId: 'r',
  digest: 'd',
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
  messages: [],
  leaseMs: 15_000,
  fence: 'fence',
};

test('a frame costs one row, and the lease is written once in a third of its time', async () => {
  const workerd = await Workerd.start();
  const { log } = partykitServer({ url: workerd.url, secret });
  onTestFinished(async () => {
    await log.close();
    await workerd.stop();
  });
  const begun = await log.begin(run);
  if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
  /** The rows that some work writes. */
  const costOf = async (work: () => Promise<unknown>): Promise<number> => {
    const { written } = (await workerd.seen()).rows;
    await work();
    return (await workerd.seen()).rows.written - written;
  };
  let at = 0;
  const append = async (count: number): Promise<void> => {
    for (; count > 0; count -= 1, at += 1) {
      const chunks = [{ type: 'text-delta' as const, id: '0', delta: `${at} ` }];
      await log.append(run, begun.fence, { at, next: at + 1, chunks });
    }
  };
  expect(await costOf(() => append(50))).toBe(50);
  expect(await costOf(() => log.renew(run, begun.fence))).toBe(0);
  await workerd.seen(6_000);
  // The lease is in the run's row.
  expect(await costOf(() => append(1))).toBe(1 + 1);
  expect(await costOf(() => append(20))).toBe(20);

  // What was kept in memory is not lost with it.
  await workerd.restart();
  expect((await log.state('c')).active?.next).toBe(71);
  await append(1);
  expect((await log.read(run, { from: 70 })).frames).toHaveLength(2);
});
