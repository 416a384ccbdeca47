import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Device, texts, until, World } from '../support/world.ts';

type SyncedChat = ReturnType<Device['synced']>;

/** Every status that a chat has from here on. */
function statusesOf(chat: SyncedChat): string[] {
  const statuses: string[] = [];
  chat['~registerStatusCallback'](() => void statuses.push(chat.status));
  return statuses;
}

const show = (chats: readonly SyncedChat[], condition: (chat: SyncedChat) => boolean) =>
  until(
    () => chats.every(condition),
    () => chats.map((chat) => [chat.status, chat.error?.message, texts(chat)]),
  );

const hasFailed = ({ status }: SyncedChat) => status === 'error';

describe('an answer that fails', () => {
  it('is shown with its error on every device that shows it, whichever way it came there', async () => {
    const world = new World();
    const sender = world.device().synced('c');
    // The first one streams it, the second one follows over HTTP, the third one has read the first words with the chat's state.
    const watching = [world.device().synced('c'), world.device({ realtime: false }).synced('c')];
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('part ');
    await show([sender, ...watching], (chat) => texts(chat).at(-1) === 'assistant: part ');
    const late = world.device().synced('c');
    await show([late], (chat) => texts(chat).at(-1) === 'assistant: part ');
    call.fail(new Error('the model is gone'));
    await show([sender, ...watching, late], hasFailed);
    for (const chat of [sender, ...watching, late]) expect(chat.error).toEqual(sender.error);
  });

  it('keeps its error while the server saves it', async () => {
    let save = (): void => {};
    const saved = new Promise<void>((resolve) => {
      save = resolve;
    });
    const world = new World({ onFinish: () => saved });
    const devices = [world.device(), world.device()];
    const chats = devices.map((device) => device.synced('c'));
    void chats[0]?.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('part ');
    await show(chats, ({ status }) => status === 'streaming');
    call.fail(new Error('the model is gone'));
    await show(chats, hasFailed);
    const statuses = chats.map(statusesOf);
    // As long as a device waits before it resumes a run again.
    await Promise.all(devices.map(({ transport }) => transport.session('c').pause()));
    save();
    await until(() => devices.every(({ transport }) => transport.session('c').ledger.server.endedTurn === 1));
    void chats[1]?.sendMessage({ text: 'and now?' });
    const next = await world.model.call(1);
    next.say('whole');
    next.finish();
    await show(chats, (chat) => chat.status === 'ready' && texts(chat).at(-1) === 'assistant: whole');
    expect(statuses[0]).toEqual(['submitted', 'streaming', 'ready']);
  });

  it.each([
    ['realtime', false],
    ['the chat’s state', true],
  ])('is shown with its error where it failed before its stream was opened, as %s says', async (_, readsState) => {
    const world = new World();
    const sender = world.device().synced('c');
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('part ');
    await show([sender], (chat) => texts(chat).at(-1) === 'assistant: part ');
    // A page that is busy comes to its next task late.
    const tasks: (() => void)[] = [];
    let isBusy = false;
    const late = world.device({
      clock: {
        ...systemClock,
        setTimeout: (task, ms) => (isBusy && ms === 0 ? tasks.push(task) : systemClock.setTimeout(task, ms)),
      },
    });
    const session = late.transport.session('c');
    late.transport.watch('c', () => {
      isBusy = true;
    });
    const chat = late.synced('c');
    await show([chat], () => texts(chat).at(-1) === 'assistant: part ');
    expect(chat.status).toBe('ready');
    call.fail(new Error('the model is gone'));
    await until(async () => (await world.log.state('c')).active === undefined);
    if (readsState) session.refresh();
    await until(() => session.ledger.server.endedTurn === 1 && session.ledger.server.reading.kind === 'none');
    isBusy = false;
    for (const task of tasks) task();
    await show([chat], hasFailed);
    expect(chat.error).toEqual(sender.error);
  });

  it('is shown with its error on a device that was away when it failed', async () => {
    const world = new World();
    const sender = world.device().synced('c');
    const away = world.device();
    const watching = away.synced('c');
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('part ');
    await show([sender, watching], ({ status }) => status === 'streaming');
    away.cut();
    call.fail(new Error('the model is gone'));
    await show([sender], hasFailed);
    away.restore();
    await show([watching], ({ status, error }) => status === 'error' && error?.message === sender.error?.message);
  });
});
