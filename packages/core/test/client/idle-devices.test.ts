import { describe, it } from 'vitest';
import { texts, until, World } from '../support/world.ts';

describe('an idle device', () => {
  it('shows a question that was asked while the page loaded, though nothing of the answer has come', async () => {
    const world = new World();
    const sender = world.device();
    const watching = world.device({ realtime: false });
    // The state is from before the question, and comes when realtime is live; the question was published in between.
    let answer = (): void => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let isRead = false;
    watching.network.intercept = ({ url }, forward) => {
      if (isRead || !url.endsWith('/c')) return;
      isRead = true;
      return forward().then(async (response) => {
        await held;
        return response;
      });
    };
    const chat = watching.synced('c');
    await until(() => isRead);
    void sender.synced('c').sendMessage({ text: 'hi' });
    await world.model.call();
    watching.setRealtime(true);
    answer();
    await until(
      () => texts(chat)[0] === 'user: hi',
      () => [texts(chat), watching.network.requests],
    );
  });
});
