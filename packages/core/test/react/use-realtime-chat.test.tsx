// @vitest-environment jsdom
import { useChat } from '@ai-sdk/react';
import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessage } from 'ai';
import { type ReactNode, StrictMode } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type UseRealtimeChatHelpers, useRealtimeChat } from '../../src/react.ts';
import { type Device, nonces, texts, until, World } from '../support/world.ts';

/** A page that shows something; `show(null)` is navigation away from it. */
function page(): { show(node: ReactNode): void } {
  const root = createRoot(document.createElement('div'));
  onTestFinished(() => root.unmount());
  return { show: (node) => flushSync(() => root.render(<StrictMode>{node}</StrictMode>)) };
}

interface Seen {
  chat: UseRealtimeChatHelpers;
}

type ViewProps = { seen: Seen; device: Device; options?: Partial<Parameters<typeof useRealtimeChat>[0]> };

function View({ seen, device, options }: ViewProps) {
  seen.chat = useRealtimeChat({ id: 'c', transport: device.transport, ...options });
  return null;
}

/** A view that keeps what it has shown of errors and of this device's sends, one text for each render. */
function RecordedView({ seen, device, renders }: { seen: Seen; device: Device; renders: string[] }) {
  seen.chat = useRealtimeChat({ id: 'c', transport: device.transport });
  const { error, unsent } = seen.chat;
  renders.push(`${(error as { code?: string } | undefined)?.code} ${unsent.map(({ state }) => state)}`);
  return null;
}

function PlainView({ seen, device, messages }: { seen: Seen; device: Device; messages: UIMessage[] }) {
  seen.chat = useChat({ id: 'c', transport: device.transport, resume: true, messages }) as UseRealtimeChatHelpers;
  return null;
}

/** A view of a device's chat, and what it saw last. */
function shown(device: Device, options: NonNullable<ViewProps['options']> = {}) {
  const seen = {} as Seen;
  return { seen, view: <View seen={seen} device={device} options={options} /> };
}

describe('useRealtimeChat', () => {
  it.each(['throttle', 'experimental_throttle'] as const)('renders seldom with %s', async (option) => {
    const world = new World();
    const device = world.device();
    const [seldom, each] = [shown(device, { [option]: 1_000_000 }), shown(device)];
    page().show(seldom.view);
    page().show(each.view);
    void each.seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => each.seen.chat.status === 'streaming' && texts(each.seen.chat).at(-1)?.includes('one'));
    call.say('two');
    await until(() => texts(each.seen.chat).at(-1)?.includes('two'));
    // One array for each time that a view was told about new messages.
    expect(seldom.seen.chat.messages).not.toBe(each.seen.chat.messages);
    call.finish();
    await until(() => seldom.seen.chat.messages === each.seen.chat.messages && each.seen.chat.status === 'ready');
  });

  it('shows on both devices what either does, under StrictMode', async () => {
    const world = new World();
    const [a, b] = [shown(world.device()), shown(world.device())];
    page().show(a.view);
    page().show(b.view);
    void a.seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(
      () => texts(b.seen.chat).at(-1)?.includes('one') && b.seen.chat.status === 'streaming',
      () => texts(b.seen.chat),
    );
    expect(b.seen.chat.connection).toEqual({ state: 'connected', path: 'realtime' });
    call.say('two');
    call.finish();
    await until(() => a.seen.chat.status === 'ready' && b.seen.chat.status === 'ready');
    expect(texts(b.seen.chat)).toEqual(['user: hi', 'assistant: one two']);
    expect(nonces(b.seen.chat)).toEqual(nonces(a.seen.chat));
    expect(world.model.calls).toHaveLength(1);
  });

  it('shows a refused message with its error at every render, while another device’s answer streams and after it', async () => {
    const world = new World({
      authorize: ({ request, action }) => action !== 'send' || !request.headers.has('x-guest'),
    });
    const device = world.device({ headers: { 'x-guest': '1' } });
    const seen = {} as Seen;
    const renders: string[] = [];
    page().show(<RecordedView seen={seen} device={device} renders={renders} />);
    await until(() => seen.chat.connection.state === 'connected');
    void seen.chat.sendMessage({ text: 'mine' });
    await until(() => seen.chat.status === 'error' && renders.at(-1) === 'forbidden refused');
    renders.length = 0;
    const other = world.device().synced('c');
    void other.sendMessage({ text: 'theirs' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => seen.chat.status === 'streaming' && texts(seen.chat).includes('assistant: one '));
    call.say('two');
    call.finish();
    await until(() => seen.chat.status === 'error' && texts(seen.chat).includes('assistant: one two'));
    expect(new Set(renders)).toEqual(new Set(['forbidden refused']));
    flushSync(() => seen.chat.discard(seen.chat.unsent[0]?.messageId as string));
    expect(renders.at(-1)).toBe('undefined ');
    await until(() => seen.chat.status === 'ready' && seen.chat.messages.length === 2);
  });

  it('goes on when the page navigates away, and shows all of it when it comes back', async () => {
    const world = new World();
    const a = shown(world.device());
    const tab = page();
    tab.show(a.view);
    void a.seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(a.seen.chat).at(-1)?.includes('one'));
    tab.show(null);
    const { published } = world.service;
    call.say('two ');
    await until(() => world.service.published > published);
    expect(call.signal.aborted).toBe(false);
    tab.show(a.view);
    await until(
      () => texts(a.seen.chat).at(-1)?.includes('two') && a.seen.chat.status === 'streaming',
      () => texts(a.seen.chat),
    );
    call.finish();
    await until(() => a.seen.chat.status === 'ready');
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['finish']);
  });

  it('stops on the other device, and both show the same', async () => {
    const world = new World();
    const [a, b] = [shown(world.device()), shown(world.device())];
    page().show(a.view);
    page().show(b.view);
    void a.seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one two');
    await until(() => texts(b.seen.chat).at(-1)?.includes('two'));
    await b.seen.chat.stop();
    // The run's end and the model's signal come from two processes: either may be first.
    await until(() => call.signal.aborted);
    await until(() => a.seen.chat.status === 'ready' && b.seen.chat.status === 'ready');
    expect(texts(b.seen.chat)).toEqual(texts(a.seen.chat));
    await until(() => world.finished.length === 1);
    expect(world.finished[0]?.outcome).toBe('cancel');
    expect(b.seen.chat.messages.at(-1)).toEqual(a.seen.chat.messages.at(-1));
  });

  it('renders on a server without keeping or opening anything', async () => {
    const { renderToString } = await import('react-dom/server');
    const device = new World().device();
    const opened = vi.spyOn(device.transport, 'session');
    const { view } = shown(device);
    expect(renderToString(view)).toBe('');
    expect(opened).not.toHaveBeenCalled();
  });

  it('survives a transport that was closed under it', async () => {
    const device = new World().device();
    const { seen, view } = shown(device);
    const tab = page();
    tab.show(view);
    device.transport.close();
    tab.show(view);
    expect(seen.chat.connection.state).toBe('idle');
  });

  it('leaves a tool call to the other devices when it has no callback for it', async () => {
    const world = new World();
    const [a, b] = [world.device(), world.device()];
    const { seen, view } = shown(a);
    page().show(view);
    void seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => seen.chat.status === 'ready' && seen.chat.messages.length === 2);
    expect(await b.transport.claimToolCall({ chatId: 'c', toolCallId: 'call-1' })).toBe(true);
  });

  it('calls the callbacks of the component that is left, when two showed the chat', async () => {
    const world = new World();
    const device = world.device();
    const stays = vi.fn();
    const goes = vi.fn();
    page().show(shown(device, { onFinish: stays }).view);
    const { seen } = shown(device);
    const second = page();
    second.show(<View seen={seen} device={device} options={{ onFinish: goes }} />);
    second.show(null);
    const { chat } = seen;
    void chat.sendMessage({ text: 'hi' });
    (await world.model.call()).finish();
    await until(() => stays.mock.calls.length === 1);
    expect(goes).not.toHaveBeenCalled();
  });

  it.each(['first', 'last'])(
    'runs client tools with the component that has them, when it is shown %s',
    async (when) => {
      const world = new World();
      const device = world.device();
      const runs = vi.fn();
      const [main, sidebar] = [shown(device, { onToolCall: runs }), shown(device)];
      for (const { view } of when === 'first' ? [main, sidebar] : [sidebar, main]) page().show(view);
      void sidebar.seen.chat.sendMessage({ text: 'hi' });
      const call = await world.model.call();
      call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
      call.finish();
      await until(() => runs.mock.calls.length === 1);
    },
  );

  it('leaves a tool call to the other devices when the component that runs tools has gone', async () => {
    const world = new World();
    const [a, b] = [world.device(), world.device()];
    const runs = vi.fn();
    const [main, sidebar] = [page(), shown(a)];
    main.show(shown(a, { onToolCall: runs }).view);
    page().show(sidebar.view);
    main.show(null);
    void sidebar.seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => sidebar.seen.chat.status === 'ready' && sidebar.seen.chat.messages.length === 2);
    expect(await b.transport.claimToolCall({ chatId: 'c', toolCallId: 'call-1' })).toBe(true);
    expect(runs).not.toHaveBeenCalled();
  });

  it('goes on by itself, and tells its errors, when only one of two components wants it', async () => {
    const world = new World();
    const device = world.device();
    const [onError, onFinish] = [vi.fn(), vi.fn()];
    const sendAutomaticallyWhen = lastAssistantMessageIsCompleteWithToolCalls;
    page().show(shown(device, { sendAutomaticallyWhen, onError, onFinish }).view);
    const { seen, view } = shown(device);
    page().show(view);
    void seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => onFinish.mock.calls.length === 1);
    await seen.chat.addToolOutput({ tool: 'where', toolCallId: 'call-1', output: 'here' } as never);
    (await world.model.call(1)).fail(new Error('the model is gone'));
    await until(() => onError.mock.calls.length === 1);
  });

  it('sends no answer by itself when no component wants it', async () => {
    const world = new World();
    const { seen, view } = shown(world.device());
    page().show(view);
    void seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    for (const toolCallId of ['t1', 't2'])
      call.push({ type: 'tool-input-available', toolCallId, toolName: 'where', input: {} });
    call.finish();
    await until(() => seen.chat.status === 'ready' && seen.chat.messages.length === 2);
    await seen.chat.addToolOutput({ tool: 'where', toolCallId: 't1', output: 'here' } as never);
    await seen.chat.addToolOutput({ tool: 'where', toolCallId: 't2', output: 'there' } as never);
    // A sentinel: the app's own send is the first one.
    void seen.chat.sendMessage();
    (await world.model.call(1)).finish();
    await until(() => world.finished.length === 2);
    expect((await world.log.state('c')).turn).toBe(2);
  });

  it('stops one run, and not the next one in the queue', async () => {
    const world = new World({ onBusy: 'queue' });
    const [a, b] = [shown(world.device()), shown(world.device())];
    page().show(a.view);
    page().show(b.view);
    void a.seen.chat.sendMessage({ text: 'first' });
    const first = await world.model.call();
    first.say('one');
    await until(() => texts(b.seen.chat).at(-1)?.includes('one'));
    await until(() => b.seen.chat.status === 'streaming');
    const third = world.device().chat('c', { messages: a.seen.chat.messages.slice(0, 1) });
    void third.sendMessage({ text: 'second' });
    await until(() => a.seen.chat.status === 'streaming');
    await a.seen.chat.stop();
    const second = await world.model.call(1);
    second.say('two');
    await until(
      () => texts(a.seen.chat).at(-1)?.includes('two'),
      () => texts(a.seen.chat),
    );
    expect(first.signal.aborted).toBe(true);
    expect(second.signal.aborted).toBe(false);
    second.finish();
    await until(() => world.finished.length === 2);
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['cancel', 'finish']);
  });

  it('calls the callbacks of the newest render, on the owner alone', async () => {
    const world = new World();
    const first = vi.fn();
    const second = vi.fn();
    const device = world.device();
    const tab = page();
    const before = shown(device, { onToolCall: first });
    tab.show(before.view);
    const after = shown(device, { onToolCall: second });
    tab.show(after.view);
    void after.seen.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => second.mock.calls.length > 0);
    expect(first).not.toHaveBeenCalled();
  });
});

describe('plain useChat', () => {
  it('with resume, reloaded in mid-answer under StrictMode: the run goes on', async () => {
    const world = new World();
    const sender = world.device().chat('c');
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    const seen = {} as Seen;
    page().show(<PlainView seen={seen} device={world.device()} messages={sender.messages.slice(0, 1)} />);
    await until(
      () => texts(seen.chat).at(-1)?.includes('one'),
      () => texts(seen.chat),
    );
    call.say('two');
    call.finish();
    await until(() => seen.chat.status === 'ready');
    expect(texts(seen.chat)).toEqual(['user: hi', 'assistant: one two']);
    expect(nonces(seen.chat)).toEqual([call.nonce]);
    await until(() => world.finished.length === 1);
    expect(world.finished[0]?.outcome).toBe('finish');
    expect(world.model.calls).toHaveLength(1);
  });
});
