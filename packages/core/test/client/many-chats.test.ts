import { describe, expect, it } from 'vitest';
import { texts, until, World } from '../support/world.ts';

describe('a page with more chats than its user may have streams, while the service is away', () => {
  it('shows every chat as connected, and in each what another device asks', async () => {
    const world = new World({ authorize: () => ({ userId: 'me' }), maxStreamsPerUser: 4 });
    const device = world.device();
    const ids = Array.from({ length: 7 }, (_, index) => `c${index}`);
    const chats = ids.map((id) => device.synced(id));
    await until(() => ids.every((id) => device.path(id) === 'realtime'));
    device.setRealtime(false);
    const paths = () => ids.map((id) => device.path(id)).sort();
    await until(
      () => paths().join() === 'poll,poll,poll,sse,sse,sse,sse',
      () => ids.map((id) => device.transport.connection(id).getSnapshot()),
    );
    for (const id of ids) expect(device.transport.connection(id).getSnapshot().state).toBe('connected');
    const other = world.device();
    for (const [index, id] of ids.entries()) {
      void other.chat(id).sendMessage({ text: `question of ${id}` });
      (await world.model.call(index)).finish();
    }
    await until(
      () => chats.every((chat, index) => texts(chat)[0] === `user: question of c${index}`),
      () => chats.map(texts),
    );
  });

  it('keeps a chat open again once a stream is free and the page is used', async () => {
    const world = new World({ authorize: () => ({ userId: 'me' }), maxStreamsPerUser: 1 });
    const device = world.device({ realtime: false });
    const first = device.transport.watch('a', () => {});
    await until(() => device.path('a') === 'sse');
    device.transport.watch('b', () => {});
    await until(() => device.path('b') === 'poll');
    first();
    await until(() => device.path('a') === null);
    device.transport.session('b').wake();
    await until(() => device.path('b') === 'sse');
  });
});
