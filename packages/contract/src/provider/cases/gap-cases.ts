import { decodeFrame } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import type { PublishFilter } from '../../stage/stage-server.ts';

/** What a service loses, doubles or mixes up. */
export const gapCases: readonly ProviderCase[] = [
  {
    id: 'gap/lost',
    title: 'misses no word when the service loses every third message',
    lacks: ['ownLog'],
    run: (stage) =>
      speaks(
        stage,
        everyThird(async () => {}),
      ),
  },
  {
    id: 'gap/doubled',
    title: 'shows no word twice when the service delivers twice',
    lacks: ['ownLog'],
    run: (stage) =>
      speaks(stage, async (data, next) => {
        await next(data);
        await next(data);
      }),
  },
  {
    id: 'gap/reordered',
    title: 'keeps the order when the service does not',
    lacks: ['ownLog'],
    async run(stage) {
      let held: string | undefined;
      await speaks(stage, async (data, next) => {
        const first = held;
        held = first === undefined ? data : undefined;
        if (first === undefined) return;
        await next(data);
        await next(first);
      });
    },
  },
  {
    id: 'gap/end-lost',
    title: 'ends the answer even if the service loses the message with its end',
    lacks: ['ownLog'],
    run: (stage) => speaks(stage, (data, next) => (data.includes('"end":') ? Promise.resolve() : next(data)), 3),
  },
  {
    id: 'gap/only-the-end',
    title: 'shows the whole answer when only the message that it is over arrived',
    lacks: ['ownLog'],
    run: (stage) => speaks(stage, (data, next) => (carriesChunks(data) ? Promise.resolve() : next(data)), 3),
  },
  {
    id: 'gap/publish-fails',
    title: 'finishes the answer when nothing can be published',
    lacks: ['ownLog'],
    run: (stage) => speaks(stage, () => Promise.reject(new Error('the service is down')), 3),
  },
];

function carriesChunks(data: string): boolean {
  return 'chunks' in decodeFrame(data);
}

function everyThird(act: PublishFilter): PublishFilter {
  let count = 0;
  return (data, next, channel) => (count++ % 3 === 0 ? act(data, next, channel) : next(data));
}

/** An answer that comes over realtime alone, through a filter, on the device that asked and on one that watches. */
async function speaks(stage: Stage, filter: PublishFilter, count = 30): Promise<void> {
  const watching = await stage.device();
  const other = watching.synced('c');
  await watching.reaches('c', 'realtime');
  const { device, chat, call, done } = await stage.sent();
  await device.reaches('c', 'realtime');
  call.say('go ');
  await stage.shows(chat, 'go');
  await stage.shows(other, 'go');
  stage.server.filter = filter;
  // The response breaks; requests work again at once.
  device.http.reset();
  const words = Array.from({ length: count }, (_, index) => `w${index}`);
  for (const word of words) {
    call.paragraph();
    call.say(word);
    // Words that the model sends at once are one frame.
    await stage.logged('c', `"${word}"`);
  }
  call.finish();
  await done;
  await stage.idle(other);
  expect(chat.text).toBe(['go ', ...words].join('|'));
  stage.expectInStep(chat, other);
}
