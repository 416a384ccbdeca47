import type { UIMessageChunk } from 'ai';
import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { rawSend } from '../../stage/raw-send.ts';
import type { Stage } from '../../stage/stage.ts';
import { until } from '../../stage/wait.ts';
import { sampleChunks, unknownChunks } from './sample-chunks.ts';

/** What an answer is made of. */
export const chunkCases: readonly ProviderCase[] = [
  {
    id: 'chunks/every-type',
    title: 'passes every type of chunk with every field',
    run: (stage) => passes(stage, sampleChunks),
  },
  {
    id: 'chunks/unknown',
    title: 'passes chunks and fields that nobody knows yet',
    run: (stage) => passes(stage, unknownChunks),
  },
  {
    id: 'chunks/two-at-once',
    title: 'keeps two texts apart that are written at the same time',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.push({ type: 'reasoning-start', id: '0' }, { type: 'text-start', id: 'other' });
      for (const word of ['one ', 'two ', 'three ']) {
        call.push(
          { type: 'text-delta', id: 'other', delta: `(${word})` },
          { type: 'reasoning-delta', id: '0', delta: word },
        );
        call.say(word);
      }
      call.push({ type: 'text-end', id: 'other' }, { type: 'reasoning-end', id: '0' });
      call.finish();
      await done;
      expect(chat.text).toBe('one two three |(one )(two )(three )');
      expect(chat.messages[1]?.parts.find(({ type }) => type === 'reasoning')).toMatchObject({
        text: 'one two three ',
      });
      stage.expectInStep(chat);
    },
  },
  {
    id: 'chunks/failure',
    title: 'shows a failed answer as an error, and keeps what was written',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('half ');
      await stage.shows(chat, 'half');
      call.fail(new Error('the secret reason'));
      await done;
      expect(chat.status).toBe('error');
      expect(chat.error?.message).not.toContain('secret');
      expect(chat.text).toBe('half ');
      expect((await stage.finish()).outcome).toBe('error');
    },
  },
];

async function passes(stage: Stage, chunks: readonly UIMessageChunk[]): Promise<void> {
  const device = await stage.device();
  const stream = await rawSend(device);
  const call = await stage.model.call();
  await device.reaches('c', 'realtime');
  device.http.cut();
  const got: UIMessageChunk[] = [];
  const reading = (async () => {
    for await (const chunk of stream) got.push(chunk);
  })();
  for (const chunk of chunks) {
    call.push(chunk);
    await call.drained();
  }
  // Whoever reads an answer from its beginning gets it compacted: the service has to bring the beginning.
  await until('the first chunk', () => got.length > 0);
  device.http.restore();
  call.finish();
  await until(
    'the end of the stream',
    () => got.at(-1)?.type === 'finish',
    () => got.map(({ type }) => type),
  );
  await reading;
  expect(got.slice(3, 3 + chunks.length)).toEqual(chunks);
}
