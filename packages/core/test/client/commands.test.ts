import { expect, it } from 'vitest';
import type { CommandReceipt } from '../../src/log/run-log.ts';
import { TestClock } from '../support/test-clock.ts';
import { texts, until, World } from '../support/world.ts';

it('a chat that nobody uses any more stays connected until its stop is confirmed, and no longer', async () => {
  const world = new World();
  const clock = new TestClock();
  const device = world.device({ clock });
  const chat = device.chat('c');
  void chat.sendMessage({ text: 'hi' });
  const call = await world.model.call();
  call.say('one');
  await until(() => texts(chat).at(-1) === 'assistant: one' && device.path('c') === 'realtime');
  const { lingerMs } = device.transport.session('c').context.timings;
  let confirm = (_receipt: CommandReceipt): void => {};
  const sent = new Promise<void>((resolve) => {
    const send = (): Promise<CommandReceipt> => {
      resolve();
      return new Promise((receipt) => {
        confirm = receipt;
      });
    };
    Object.assign(device.transport.session('c').context.subscriber as object, { send });
  });
  await chat.stop();
  await sent;
  const isConnected = (): boolean => device.transport.connection('c').getSnapshot().state === 'connected';
  // Twice as long as an unused chat stays connected.
  clock.stop();
  await clock.advance(2 * lingerMs);
  expect(isConnected()).toBe(true);
  confirm({ outcome: 'delivered' });
  await until(async () => {
    await clock.advance(lingerMs);
    return !isConnected();
  });
});
