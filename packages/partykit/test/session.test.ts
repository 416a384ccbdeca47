import { expect, onTestFinished, test } from 'vitest';
import { Device } from './support/device.ts';
import { until } from './support/until.ts';
import { Workerd } from './support/workerd.ts';

test('a socket that is lost is back soon, and brings what was missed without a request', async () => {
  const workerd = await Workerd.start({ answers: true });
  const device = await Device.open(workerd);
  onTestFinished(async () => {
    await device.close();
    await workerd.stop();
  });
  const done = device.chat.sendMessage({ text: 'hi' });
  await until('a model that is asked', async () => (await workerd.model('c')).calls > 0);
  await workerd.model('c', { say: 'one ' });
  await device.reaches('realtime');
  await device.shows('one');
  device.getsTicketsOnly = true;
  device.http.reset();
  device.sockets.cut();
  await workerd.model('c', { say: 'two ' });
  await workerd.model('c', { say: 'three ' });
  device.sockets.restore();
  const from = performance.now();
  await device.shows('three');
  expect(performance.now() - from).toBeLessThan(5000);
  await workerd.model('c', { finish: true });
  await done;
  expect(device.text).toBe('one two three ');
});

test('a socket whose hour is over comes back at once, with a new ticket, and misses nothing', async () => {
  const workerd = await Workerd.start({ answers: true, sessionMs: 400 });
  const device = await Device.open(workerd);
  onTestFinished(async () => {
    await device.close();
    await workerd.stop();
  });
  const done = device.chat.sendMessage({ text: 'hi' });
  await until('a model that is asked', async () => (await workerd.model('c')).calls > 0);
  await device.reaches('realtime');
  const tickets = (): number => device.requests.filter((each) => each.endsWith('/auth')).length;
  const words = Array.from({ length: 30 }, (_, index) => `w${index} `);
  // What comes by HTTP would hide a socket that stands still.
  device.getsTicketsOnly = true;
  device.http.reset();
  for (const say of words) {
    const from = performance.now();
    await workerd.model('c', { say });
    await device.shows(say);
    expect(performance.now() - from).toBeLessThan(5000);
    // Sessions end between the words.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await workerd.model('c', { finish: true });
  await done;
  expect(device.text).toBe(words.join(''));
  expect(tickets()).toBeGreaterThan(2);
  expect(device.sockets.accepted).toBe(tickets());
});
