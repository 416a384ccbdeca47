import type { UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { inSlices, joined, maxSliceParts } from '../../src/server/http/message-slices.ts';
import { maxMessagesPerBody, maxPartsPerMessage } from '../../src/server/http/validate-messages.ts';
import { type Answer, createWorld, user } from './support.ts';

function messageOf(id: string, parts: number): UIMessage {
  return { id, role: 'user', parts: Array.from({ length: parts }, (_, index) => ({ type: 'text', text: `${index}` })) };
}

const named = { headers: { 'x-chat-id': 'c', accept: 'application/json' } };

describe('a conversation', () => {
  it.each([
    ['of nothing', [], [0]],
    ['of short messages', [1, 2, 3], [6]],
    ['of many messages', [600, 300, 200, 900], [900, 200, 900]],
    ['with a message of many parts', [1, 2500, 1], [1, 1000, 1000, 501]],
  ])('%s is cut into slices of a thousand parts, and is whole again', (_title, counts, sizes) => {
    const messages = counts.map((count, index) => messageOf(`m${index}`, count));
    const slices = inSlices(messages) as UIMessage[][];
    expect(slices.map((slice) => slice.reduce((sum, { parts }) => sum + parts.length, 0))).toEqual(sizes);
    expect(joined(messages, slices.flat())).toEqual(messages);
  });

  it('leaves what is no message to the validator', () => {
    expect(inSlices([null, 7, { parts: 'x' }])).toEqual([[null, 7, { parts: 'x' }]]);
  });

  it('that is long is checked in many turns of the event loop, so that everybody else is answered in between', async () => {
    let turns = 0;
    const clock = {
      ...systemClock,
      setImmediate: (callback: () => void) => {
        turns += 1;
        setImmediate(callback);
      },
    };
    const world = createWorld({ clock });
    expect((await world.send({ id: 'c', messages: [messageOf('m', 20 * maxSliceParts)] }, named)).status).toBe(202);
    expect(turns).toBeGreaterThanOrEqual(20);
    expect((await world.model()).input.messages[0]?.parts).toHaveLength(20 * maxSliceParts);
  });

  it('that is long is refused with the message that is not valid', async () => {
    const world = createWorld();
    const messages = [messageOf('m', 3 * maxSliceParts), { ...user('bad', 'x'), role: 'nobody' }];
    const response = await world.send({ id: 'c', messages }, named);
    expect([response.status, ((await response.json()) as Answer).error]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid-message', message: expect.stringContaining('Message bad') }),
    ]);
  });

  it('with one message that is not valid among a thousand is found in several turns of the event loop', async () => {
    let turns = 0;
    const clock = {
      ...systemClock,
      setImmediate: (callback: () => void) => {
        turns += 1;
        setImmediate(callback);
      },
    };
    const world = createWorld({ clock });
    const messages = Array.from({ length: maxSliceParts - 1 }, (_, index) => ({
      ...user(`m${index}`, 'x'),
      metadata: 1,
    }));
    const response = await world.send(
      { id: 'c', messages: [...messages, { ...user('bad', 'x'), role: 'nobody' }] },
      named,
    );
    expect(((await response.json()) as Answer).error.message).toContain('Message bad');
    expect(turns).toBeGreaterThanOrEqual(10);
  });

  it.each([
    ['messages', Array.from({ length: maxMessagesPerBody + 1 }, (_, index) => user(`m${index}`, 'x'))],
    ['parts in one message', [messageOf('m', maxPartsPerMessage + 1)]],
  ])('of too many %s is refused before it is checked', async (_, messages) => {
    const world = createWorld();
    const response = await world.send({ id: 'c', messages }, named);
    expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([413, 'too-large']);
    expect(world.models).toHaveLength(0);
  });

  it('that is long is what the schemas of the app make of it', async () => {
    const world = createWorld({
      metadataSchema: { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: { seen: true } }) } },
    } as Parameters<typeof createWorld>[0]);
    const messages = [{ ...messageOf('m', 2 * maxSliceParts), metadata: { seen: false } }];
    expect((await world.send({ id: 'c', messages }, named)).status).toBe(202);
    const [message] = (await world.model()).input.messages;
    expect([message?.metadata, message?.parts.length]).toEqual([{ seen: true }, 2 * maxSliceParts]);
  });
});
