import type { UIMessage } from 'ai';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { syncChat } from '../../src/index.ts';
import type { ChatHandlerOptions } from '../../src/server.ts';
import { type Device, informed, texts, until, World } from '../support/world.ts';

/** What makes a page is its document. */
function openPage(): void {
  vi.stubGlobal('document', { hidden: false });
  onTestFinished(() => {
    vi.unstubAllGlobals();
  });
}

/** The server lets in who has one of these tokens. */
function allowing(tokens: Set<string>): Partial<ChatHandlerOptions> {
  return { authorize: ({ request }) => tokens.has(request.headers.get('x-token') ?? '') };
}

/** A transport of the page: all of them are one device. */
function transportOf(world: World, token: string): Device {
  return world.device({ clientId: 'page', headers: { 'x-token': token } });
}

/** What `syncChat` replaces in a chat. */
const membersOf = (chat: object): unknown[] =>
  ['onToolCall', 'sendAutomaticallyWhen', 'addToolOutput', 'addToolApprovalResponse'].map(
    (name) => (chat as Record<string, unknown>)[name],
  );

interface Synced {
  readonly device: Device;
  readonly chat: ReturnType<Device['chat']>;
  readonly before: unknown[];
  readonly end: () => void;
}

const requestsOf = (...devices: Device[]) => devices.flatMap(({ network }) => network.requests);

describe('a page with two transports for a chat', () => {
  it('subscribes to the chat once, and shows the same on both', async () => {
    openPage();
    const world = new World(allowing(new Set(['old', 'new'])));
    const [one, two] = [transportOf(world, 'old'), transportOf(world, 'new')];
    const [first, second] = [one.synced('c'), two.synced('c')];
    await until(() => one.path('c') === 'realtime' && informed(one, 0) && informed(two, 0));
    expect(two.path('c')).toBe('realtime');
    expect(world.service.listeners.size).toBe(1);
    void first.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('word');
    await until(() => [first, second].every((chat) => texts(chat).join() === 'user: hi,assistant: word'));
    call.finish();
    await until(() => [first, second].every(({ status }) => status === 'ready'));
    expect(world.service.listeners.size).toBe(1);
    expect(texts(second)).toEqual(texts(first));
  });

  it('follows the chat over HTTP once, with the newest transport’s token', async () => {
    openPage();
    const tokens = new Set(['old', 'new']);
    const world = new World(allowing(tokens));
    const one = world.device({ clientId: 'page', headers: { 'x-token': 'old' }, realtime: false });
    const two = world.device({ clientId: 'page', headers: { 'x-token': 'new' }, realtime: false });
    const [first, second] = [one.synced('c'), two.synced('c')];
    await until(() => two.path('c') === 'sse' && informed(one, 0) && informed(two, 0));
    tokens.delete('old');
    const other = transportOf(world, 'new').chat('c');
    void other.sendMessage({ text: 'hi' });
    (await world.model.call()).say('word');
    await until(
      () => [first, second].every((chat) => texts(chat).join() === 'user: hi,assistant: word'),
      () => [texts(first), texts(second), requestsOf(one, two)],
    );
    expect(requestsOf(one).filter((request) => request.includes('/stream'))).toEqual([]);
  });

  it.each([
    ['old', 'new'],
    ['new', 'old'],
  ])('keeps the chat on one transport after the %s one was closed', async (closed, kept) => {
    openPage();
    const world = new World(allowing(new Set(['old', 'new'])));
    const devices = { old: transportOf(world, 'old'), new: transportOf(world, 'new') };
    const chats = { old: devices.old.synced('c'), new: devices.new.synced('c') };
    const stays = devices[kept as keyof typeof devices];
    await until(() => stays.path('c') === 'realtime' && informed(devices.old, 0) && informed(devices.new, 0));
    devices[closed as keyof typeof devices].transport.close();
    await until(() => stays.path('c') === 'realtime' && world.service.listeners.size === 1);
    const [listener] = world.service.listeners;
    expect(listener?.device).toBe(stays.network);
    void world
      .device({ headers: { 'x-token': 'new' } })
      .chat('c')
      .sendMessage({ text: 'hi' });
    (await world.model.call()).say('word');
    const chat: { readonly messages: UIMessage[] } = chats[kept as keyof typeof chats];
    await until(
      () => texts(chat).join() === 'user: hi,assistant: word',
      () => texts(chat),
    );
  });

  it.each([
    ['first', 'second'],
    ['second', 'first'],
  ])(
    'ends the synchronization of the %s transport’s chat, and the other one’s goes on as before',
    async (ended, kept) => {
      openPage();
      const world = new World(allowing(new Set(['old', 'new'])));
      const ran: string[] = [];
      const open = (token: string): Synced => {
        const device = transportOf(world, token);
        const chat = device.chat('c', { onToolCall: () => void ran.push(token), sendAutomaticallyWhen: () => false });
        const before = membersOf(chat);
        return { device, chat, before, end: syncChat(chat, device.transport) };
      };
      const [first, second] = [open('old'), open('new')];
      const chats = { first, second };
      const [gone, stays] = [chats[ended as keyof typeof chats], chats[kept as keyof typeof chats]];
      await until(() => informed(first.device, 0) && informed(second.device, 0));
      gone.end();
      expect(membersOf(gone.chat)).toEqual(gone.before);
      void stays.chat.sendMessage({ text: 'where?' });
      const call = await world.model.call();
      call.push({ type: 'tool-input-available', toolCallId: 'call', toolName: 'where', input: {} });
      call.finish();
      await until(() => stays.chat.status === 'ready' && ran.length > 0);
      expect(ran).toEqual([stays.device === first.device ? 'old' : 'new']);
      void world
        .device({ headers: { 'x-token': 'new' } })
        .synced('c')
        .sendMessage({ text: 'theirs' });
      (await world.model.call(1)).finish();
      await until(() => texts(stays.chat).includes('user: theirs') && stays.chat.status === 'ready');
      expect(gone.chat.messages).toEqual([]);
      stays.end();
      expect(membersOf(stays.chat)).toEqual(stays.before);
      // Nobody of the page uses the chat any more: one device is left that does.
      await until(() => world.service.listeners.size === 1);
    },
  );

  it('shows the chat again to a transport whose access had ended, once there is one with a new token', async () => {
    openPage();
    const tokens = new Set(['old']);
    const world = new World(allowing(tokens));
    const one = transportOf(world, 'old');
    tokens.clear();
    const first = one.synced('c');
    await until(() => one.transport.connection('c').getSnapshot().state === 'refused');
    tokens.add('new');
    const two = transportOf(world, 'new');
    two.synced('c');
    await until(() => one.path('c') === 'realtime' && informed(one, 0));
    void two.chat('c').sendMessage({ text: 'hi' });
    (await world.model.call()).say('word');
    await until(
      () => texts(first).join() === 'user: hi,assistant: word',
      () => texts(first),
    );
  });

  it('has two chats for two users of a server, which has no page', async () => {
    const world = new World(allowing(new Set(['old', 'new'])));
    const [one, two] = [transportOf(world, 'old'), transportOf(world, 'new')];
    one.synced('c');
    two.synced('c');
    await until(() => one.path('c') === 'realtime' && two.path('c') === 'realtime');
    expect(world.service.listeners.size).toBe(2);
  });
});
