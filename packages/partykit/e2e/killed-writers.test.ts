import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { describeKilledWriters } from '../../core/test/server/continuation/killed-writers.ts';
import { partykitServer } from '../src/remote.ts';
import { Device } from '../test/support/device.ts';
import { until } from '../test/support/until.ts';
import { secret, Workerd } from '../test/support/workerd.ts';

let workerd: Workerd;
beforeAll(async () => {
  workerd = await Workerd.start();
});
afterAll(() => workerd.stop());

describeKilledWriters({
  name: 'a Durable Object',
  script: new URL('support/killed-writer.ts', import.meta.url),
  place: () => workerd.url,
  open: async (url) => {
    const { log } = partykitServer({ url, secret });
    return { log, close: () => log.close() };
  },
  // The object's clock, for all who write to it.
  advance: (ms) => workerd.seen(ms),
  // The test of SQLite has each of them.
});

test('an answer that is made in the object goes on in the next one when workerd is killed', {
  timeout: 60_000,
}, async () => {
  const own = await Workerd.start({ answers: true, onInterrupted: 'continue', tools: {} });
  onTestFinished(() => own.stop());
  const device = await Device.open(own);
  onTestFinished(() => device.close());
  const done = device.chat.sendMessage({ text: 'hi' });
  await until('a model that is asked', async () => (await own.model('c')).calls > 0);
  await own.model('c', { say: 'one ' });
  await device.shows('one');
  await own.restart();
  // Its lease is over.
  await own.seen(20_000);
  const late = await Device.open(own);
  onTestFinished(() => late.close());
  const resumed = late.chat.resumeStream();
  await until('the next writer', async () => (await own.model('c')).calls > 0);
  await own.model('c', { say: 'two' });
  await late.shows('two');
  await own.model('c', { finish: true });
  await Promise.all([done, resumed]);
  // The step that was cut has run again.
  expect([device.text, late.text]).toEqual(['two', 'two']);
  expect((await own.seen()).finished).toEqual(['finish: two']);
});
