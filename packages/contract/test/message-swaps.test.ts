import { expect, it } from 'vitest';
import { MessageSwaps } from '../src/faults/message-swaps.ts';

const upgrade = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n');

/** What a server sends: not masked, with the length in one, two or eight bytes. */
function frame(payload: string, first = 0x81): Buffer {
  const body = Buffer.from(payload);
  if (body.length < 126) return Buffer.concat([Buffer.from([first, body.length]), body]);
  const isShort = body.length < 65_536;
  const head = Buffer.alloc(isShort ? 4 : 10);
  head.writeUInt8(first, 0);
  head.writeUInt8(isShort ? 126 : 127, 1);
  if (isShort) head.writeUInt16BE(body.length, 2);
  else head.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([head, body]);
}

/** Passes bytes in pieces of this size. */
function passed(bytes: Buffer, size: number): Buffer {
  const swaps = new MessageSwaps((text) => text.startsWith('swap'));
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(swaps.pass(bytes.subarray(at, at + size)));
  return Buffer.concat(out);
}

const long = frame(`swap ${'ä'.repeat(40_000)}`);
const middle = frame(`swap ${'x'.repeat(500)}`);
const [one, two, three, other] = ['swap 1', 'swap 2', 'swap 3', 'other'].map((text) => frame(text)) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];

it.each([13, 1000, 1_000_000])('swaps neighbours that come in pieces of %i bytes', (size) => {
  const sent = Buffer.concat([upgrade, other, one, two, long, middle, other]);
  expect(passed(sent, size).equals(Buffer.concat([upgrade, other, two, one, middle, long, other]))).toBe(true);
});

it('holds nothing back behind a message that is not to be swapped', () => {
  const sent = Buffer.concat([upgrade, one, other, two, three, one]);
  expect(passed(sent, 100).equals(Buffer.concat([upgrade, one, other, three, two]))).toBe(true);
});

it.each([
  ['a compressed message', frame('swap', 0xc1)],
  ['a part of a message', frame('swap', 0x01)],
  ['a ping', frame('swap', 0x89)],
])('passes %s as it is', (_what, each) => {
  const sent = Buffer.concat([upgrade, each, each, other]);
  expect(passed(sent, 3).equals(sent)).toBe(true);
});

it('passes what is no WebSocket as it is', () => {
  const sent = Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), one, two]);
  expect(passed(sent, 5).equals(sent)).toBe(true);
});
