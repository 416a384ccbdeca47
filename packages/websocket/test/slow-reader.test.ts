import { expect, test } from 'vitest';
import { serveStub } from './support/app.ts';
import { until } from './support/until.ts';

const maxBufferedBytes = 256 * 1024;
const message = 'x'.repeat(64 * 1024);

test('a reader that stops reading neither holds up the others nor fills the memory, and learns that it missed messages', async () => {
  const app = await serveStub({ maxBufferedBytes });
  const [slow, fast] = [await app.client().opened(), await app.client().opened()];
  await slow.subscribe('one', await app.token('one'));
  await fast.subscribe('one', await app.token('one'));
  slow.socket.pause();
  let mostWaiting = 0;
  const messages = 600;
  for (let i = 0; i < messages; i += 1) {
    await app.publish('one', `${i} ${message}`);
    mostWaiting = Math.max(mostWaiting, ...[...app.connections].map((socket) => socket.writableLength));
    await until(`message ${i}`, () => fast.received.length === i + 2);
  }
  expect(fast.received.slice(1).map((frame) => Number(String(frame).split(' ')[1]))).toEqual(
    Array.from({ length: messages }, (_, i) => i),
  );
  expect(mostWaiting).toBeGreaterThan(0);
  expect(mostWaiting).toBeLessThanOrEqual(maxBufferedBytes);

  slow.socket.resume();
  await slow.got({ type: 'missed', chat: 'one', ref: 1 });
  expect(slow.received.length).toBeLessThan(messages);
  await app.publish('one', 'after');
  await until('the next message', () => slow.received.at(-1) === 'one after', { saw: () => slow.received.at(-1) });
  // Told once, after what had been sent before.
  expect(slow.received.filter((frame) => typeof frame === 'object')).toHaveLength(2);
});

test('a message larger than the buffer still reaches a reader with nothing waiting', async () => {
  const app = await serveStub({ maxBufferedBytes: 1_000 });
  const client = await app.client().opened();
  await client.subscribe('one', await app.token('one'));
  await app.publish('one', message);
  await until('the message', () => client.received.length === 2);
});
