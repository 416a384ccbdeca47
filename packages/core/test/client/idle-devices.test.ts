import { describe, expect, it } from 'vitest';
import { informed, quickTimings, texts, until, World } from '../support/world.ts';

/** On a slow machine, a response that comes late is not taken for one that a proxy holds back. */
const timings = { ...quickTimings, firstByteMs: 60_000 };

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

  it('shows a question while the service loses everything, where it has noticed the loss with the answer before', async () => {
    const world = new World();
    const sender = world.device().synced('c');
    const watching = world.device({ timings });
    const chat = watching.synced('c');
    await until(() => watching.path('c') === 'realtime');
    void sender.sendMessage({ text: 'one' });
    const call = await world.model.call();
    call.say('first ');
    await until(() => texts(chat).at(-1) === 'assistant: first ');
    watching.network.drop = () => true;
    call.say('answer');
    await until(() => texts(chat).at(-1) === 'assistant: first answer');
    call.finish();
    await until(() => chat.status === 'ready' && sender.status === 'ready');
    void sender.sendMessage({ text: 'two' });
    await world.model.call(1);
    await until(
      () => texts(chat).at(-2) === 'user: two' || texts(chat).at(-1) === 'user: two',
      () => [texts(chat), watching.path('c')],
    );
    expect(watching.path('c')).toBe('sse');
  });

  it('shows questions at once while the service loses everything, where a check of the log has found the loss', async () => {
    const world = new World();
    const sender = world.device().synced('c');
    const watching = world.device({ timings });
    const chat = watching.synced('c');
    await until(() => watching.path('c') === 'realtime' && informed(watching, 0));
    const { context } = watching.transport.session('c');
    const liveAt = context.now();
    watching.network.drop = () => true;
    void sender.sendMessage({ text: 'one' });
    const call = await world.model.call();
    call.finish();
    await until(() => sender.status === 'ready' && sender.messages.length === 2);
    await until(() => context.now() - liveAt > quickTimings.silenceMs);
    // The subscriber of a service that promises no delivery asks for a check after a silence.
    watching.setRealtime(true);
    await until(
      () => watching.path('c') === 'sse' && chat.messages.length === 2,
      () => [texts(chat), watching.path('c')],
    );
    void sender.sendMessage({ text: 'two' });
    await world.model.call(1);
    await until(
      () => texts(chat).includes('user: two'),
      () => [texts(chat), watching.path('c')],
    );
    watching.network.drop = () => false;
    (await world.model.call(1)).say('word');
    await until(() => watching.path('c') === 'realtime');
  });

  it('shows a question whose start the service has lost with the first part of the answer that it delivers', async () => {
    const world = new World();
    const sender = world.device().synced('c');
    const watching = world.device();
    const chat = watching.synced('c');
    await until(() => watching.path('c') === 'realtime' && informed(watching, 0));
    watching.network.drop = () => true;
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    await until(() => sender.status === 'streaming');
    watching.network.drop = () => false;
    call.say('word');
    await until(
      () => texts(chat).join() === 'user: hi,assistant: word',
      () => texts(chat),
    );
  });

  it('shows a question that the service has lost as soon as the page is used again', async () => {
    const world = new World();
    const sender = world.device().synced('c');
    const watching = world.device();
    const chat = watching.synced('c');
    await until(() => watching.path('c') === 'realtime' && informed(watching, 0));
    watching.network.drop = () => true;
    void sender.sendMessage({ text: 'hi' });
    await world.model.call();
    await until(() => sender.status === 'streaming');
    watching.transport.session('c').wake();
    await until(() => texts(chat)[0] === 'user: hi');
  });

  it('shows an answer that was there before its stream as the whole one, without reading the chat again', async () => {
    const world = new World();
    const sender = world.device().synced('c');
    const watching = world.device();
    const chat = watching.synced('c');
    await until(() => watching.path('c') === 'realtime' && informed(watching, 0));
    const held: string[] = [];
    watching.network.drop = (data) => held.push(data) > 0;
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('word');
    call.finish();
    await until(() => sender.status === 'ready' && held.some((data) => 'end' in JSON.parse(data)));
    const before = watching.network.requests.length;
    const { listener } = [...world.service.listeners].find(({ device }) => device === watching.network) ?? {};
    for (const data of held) listener?.onMessage(data);
    await until(() => chat.status === 'ready' && texts(chat).join() === 'user: hi,assistant: word');
    expect(watching.transport.session('c').ledger.shown.place).toEqual({ kind: 'whole', turn: 1 });
    expect(watching.network.requests.slice(before)).toEqual([]);
  });
});
