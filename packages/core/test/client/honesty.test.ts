import { isToolUIPart, lastAssistantMessageIsCompleteWithToolCalls } from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultTimings } from '../../src/client/timings.ts';
import { syncChat, wakeUp } from '../../src/index.ts';
import { TestClock } from '../support/test-clock.ts';
import { type Device, informed, isSettled, never, quickTimings, texts, until, World } from '../support/world.ts';

/** A synchronized chat, and what it reports. */
function synced(device: Device, init: Parameters<Device['chat']>[1] = {}) {
  const chat = device.chat('c', init);
  const sync = syncChat(chat, device.transport);
  onTestFinished(sync);
  const unsent = () => sync.getReport().unsent.map(({ messageId, kind, state }) => ({ messageId, kind, state }));
  return { chat, sync, unsent };
}
/** A device whose timers the test can count and move. */
function timed(world: World, options: Parameters<World['device']>[0] = {}) {
  const clock = new TestClock();
  const device = world.device({ ...options, clock });
  /** Nothing is under way that could ask the server, and no timer waits that could begin it. */
  const isQuiet = async (): Promise<number> => {
    await until(
      () => clock.waiting === 0 && device.network.isIdle,
      () => [clock.waiting, device.network.requests],
    );
    return device.network.requests.length;
  };
  return { device, clock, isQuiet };
}
const refusal = (code: string, status: number) =>
  Promise.resolve(Response.json({ error: { code, message: `It is ${code}.` } }, { status }));

describe('a user without access', () => {
  it('sees the refusal when the page loads, causes no more requests, and sees the chat once access is back', async () => {
    let hasAccess = false;
    const world = new World({ authorize: () => hasAccess });
    const { device, isQuiet } = timed(world);
    const { chat, sync } = synced(device);
    await until(() => sync.getReport().connection.state === 'refused');
    const { connection } = sync.getReport();
    expect(connection).toMatchObject({ path: null, error: { code: 'forbidden' } });
    await isQuiet();
    hasAccess = true;
    void world.device().synced('c').sendMessage({ text: 'hi' });
    (await world.model.call()).finish();
    if (connection.state === 'refused') connection.retry();
    await until(() => texts(chat).length === 2 && sync.getReport().connection.state === 'connected');
  });

  it('sees the chat, connected, as soon as the server takes a message again', async () => {
    let hasAccess = false;
    const world = new World({ authorize: () => hasAccess });
    const device = world.device();
    const { chat, sync } = synced(device);
    await until(() => sync.getReport().connection.state === 'refused');
    hasAccess = true;
    const done = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('hello');
    call.finish();
    await done;
    await until(() => sync.getReport().connection.state === 'connected' && device.path('c') === 'realtime');
    void world.device().synced('c').sendMessage({ text: 'from another device' });
    (await world.model.call(1)).finish();
    await until(() => texts(chat).length === 4);
  });

  it('whose access ends while the chat is followed over HTTP sees it, and polling ends', async () => {
    let hasAccess = true;
    const world = new World({ authorize: () => hasAccess });
    const { device, isQuiet } = timed(world, { realtime: false });
    const { sync } = synced(device);
    await until(() => device.path('c') === 'sse');
    hasAccess = false;
    device.network.block('sse');
    await until(() => sync.getReport().connection.state === 'refused');
    await isQuiet();
  });

  it('sees a refusal where the chat’s id is invalid, and not a chat that keeps connecting', async () => {
    const device = new World().device();
    const sync = syncChat(device.chat('a:b'), device.transport);
    onTestFinished(sync);
    await until(() => sync.getReport().connection.state === 'refused');
    expect(sync.getReport().connection).toMatchObject({ path: null, error: { code: 'invalid-id' } });
  });

  it.each(['with realtime', 'over HTTP'])(
    'whose login has expired sees why the chat cannot be read, %s',
    async (how) => {
      const world = new World();
      const { device, isQuiet } = timed(world, { realtime: how === 'with realtime' });
      let isLoggedIn = false;
      const loginPage = () => Promise.resolve(new Response('<html>', { headers: { 'content-type': 'text/html' } }));
      device.network.intercept = () => (isLoggedIn ? undefined : loginPage());
      const { chat, sync } = synced(device);
      await until(() => sync.getReport().connection.state === 'refused');
      const { connection } = sync.getReport();
      expect(connection).toMatchObject({ path: null, error: { code: 'protocol' } });
      await isQuiet();
      isLoggedIn = true;
      void world.device().chat('c').sendMessage({ text: 'hi' });
      const call = await world.model.call();
      if (connection.state === 'refused') connection.retry();
      await until(() => sync.getReport().connection.state === 'connected');
      call.finish();
      await until(() => texts(chat).length === 2 && chat.status === 'ready');
    },
  );

  it('sees what the app’s own headers() threw, and the chat when the page wakes', async () => {
    const world = new World();
    let isReady = false;
    const headers = async () => {
      if (!isReady) throw new RangeError('There is no token yet.');
      return {};
    };
    const { sync } = synced(world.device({ headers }));
    await until(() => sync.getReport().connection.state === 'refused');
    const cause = { name: 'RangeError', message: 'There is no token yet.' };
    expect(sync.getReport().connection).toMatchObject({ error: { code: 'provider-failed', retryable: false, cause } });
    isReady = true;
    wakeUp();
    await until(() => sync.getReport().connection.state === 'connected');
  });

  it('sees why a client tool did not run', async () => {
    const world = new World({ authorize: ({ action }) => action !== 'command' });
    let runs = 0;
    const { chat } = synced(world.device(), { onToolCall: () => void runs++ });
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => chat.status === 'error');
    expect(chat.error).toMatchObject({ code: 'forbidden' });
    expect(runs).toBe(0);
  });

  it('sees why a stop was refused, and the answer goes on', async () => {
    const world = new World({ authorize: ({ action }) => action !== 'command' });
    const { chat, sync } = synced(world.device());
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1)?.includes('one'));
    await expect(sync.stop()).rejects.toMatchObject({ code: 'forbidden' });
    call.say('two');
    call.finish();
    await until(() => chat.status === 'ready' && texts(chat).at(-1) === 'assistant: one two');
  });

  it('sees why the stop of the stock button was refused, and the answer is shown again', async () => {
    const world = new World({ authorize: ({ action }) => action !== 'command' });
    const { chat } = synced(world.device());
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1)?.includes('one'));
    await chat.stop();
    call.say('two');
    call.finish();
    await until(
      () => texts(chat).at(-1) === 'assistant: one two' && chat.status === 'error',
      () => [texts(chat), chat.status],
    );
    expect(chat.error).toMatchObject({ code: 'forbidden' });
  });

  it('sees why a steer was refused', async () => {
    const world = new World({ authorize: ({ action }) => action !== 'command' });
    const device = world.device();
    const { chat } = synced(device);
    void chat.sendMessage({ text: 'hi' });
    await world.model.call();
    await expect(device.transport.steer({ chatId: 'c', text: 'shorter' })).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('a message whose response never comes', () => {
  it('is waited for where its user loses access meanwhile, and has access again', async () => {
    let hasAccess = true;
    const world = new World({ authorize: () => hasAccess });
    const device = world.device({ realtime: false });
    const { chat, sync, unsent } = synced(device);
    await until(() => isSettled(device));
    let answer = (): void => {};
    const isAnswered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    device.network.intercept = ({ method }, forward) => (method === 'POST' ? isAnswered.then(forward) : undefined);
    void chat.sendMessage({ id: 'mine', role: 'user', parts: [{ type: 'text', text: 'mine' }] } as never);
    hasAccess = false;
    device.transport.session('c').refresh();
    await until(() => sync.getReport().connection.state === 'refused');
    expect([chat.status, unsent()]).toEqual(['submitted', [{ messageId: 'mine', kind: 'message', state: 'sending' }]]);
    hasAccess = true;
    answer();
    const call = await world.model.call();
    call.say('answer');
    call.finish();
    await until(
      () => texts(chat).join() === 'user: mine,assistant: answer' && chat.status === 'ready',
      () => [texts(chat), chat.status, unsent(), String(chat.error)],
    );
    expect([unsent(), chat.error]).toEqual([[], undefined]);
  });

  it('shows its answer as soon as a state names its run', async () => {
    const world = new World();
    const device = world.device({ realtime: false });
    const { chat } = synced(device);
    await until(() => isSettled(device) && device.path('c') === 'sse');
    device.network.intercept = (request, forward) =>
      request.method === 'POST' ? forward().then(() => never(request)) : undefined;
    device.network.block('sse');
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    device.transport.session('c').refresh();
    await until(() => informed(device, 1));
    device.network.blocked.clear();
    call.say('answer');
    await until(
      () => texts(chat).at(-1) === 'assistant: answer' && chat.status === 'streaming',
      () => [texts(chat), chat.status, device.network.requests],
    );
    call.finish();
    await until(() => chat.status === 'ready');
  });

  it('goes with its chat, when the device has learned that the server has it, and the chat is deleted', async () => {
    let hasAccess = true;
    const world = new World({ authorize: ({ action }) => action !== 'read' || hasAccess });
    const device = world.device({ realtime: false });
    const { chat, sync, unsent } = synced(device);
    await until(() => isSettled(device) && device.path('c') === 'sse');
    device.network.intercept = (request, forward) =>
      request.method === 'POST' && !request.url.includes('/command') ? forward().then(() => never(request)) : undefined;
    const isRefused = () => sync.getReport().connection.state === 'refused';
    const retry = () => {
      const { connection } = sync.getReport();
      if (connection.state === 'refused') connection.retry();
    };
    const reads = () => device.network.requests.filter((request) => request === 'GET /api/chat/c').length;
    hasAccess = false;
    device.network.block('sse');
    await until(isRefused);
    void chat.sendMessage({ text: 'hi' });
    (await world.model.call()).finish();
    await until(() => world.finished.length === 1);
    const before = reads();
    retry();
    await until(() => reads() > before && isRefused());
    hasAccess = true;
    device.network.blocked.clear();
    retry();
    await until(() => informed(device, 1));
    expect([texts(chat)[0], unsent()]).toEqual(['user: hi', []]);
    await world.handler.runtime.deleteChat('c');
    await until(() => informed(device, 2));
    await chat.stop();
    await until(() => isSettled(device));
    expect([texts(chat), unsent()]).toEqual([[], []]);
  });
});

describe('a message that was refused', () => {
  it('keeps its text and its error while another device’s answer streams, until it is sent again', async () => {
    const world = new World();
    const other = world.device().synced('c');
    const device = world.device();
    const { chat, sync, unsent } = synced(device);
    void other.sendMessage({ text: 'theirs' });
    const call = await world.model.call();
    // The device has not heard of the other one's answer.
    await chat.sendMessage({ id: 'mine', role: 'user', parts: [{ type: 'text', text: 'mine' }] } as never);
    expect(chat.error).toMatchObject({ code: 'busy' });
    call.say('answer');
    await until(() => texts(chat).some((text) => text.includes('answer')));
    expect(unsent()).toEqual([{ messageId: 'mine', kind: 'message', state: 'refused' }]);
    call.finish();
    await until(
      () => chat.status === 'error' && texts(chat).length === 3,
      () => [chat.status, texts(chat), String(chat.error)],
    );
    expect(chat.error).toMatchObject({ code: 'busy' });
    await until(() => isSettled(device));
    expect(chat.error).toMatchObject({ code: 'busy' });
    const sending = sync.resend('mine');
    (await world.model.call(1)).finish();
    await sending;
    await until(
      () => chat.status === 'ready' && unsent().length === 0,
      () => [chat.status, texts(chat), unsent(), String(chat.error)],
    );
    expect(texts(other).filter((text) => text === 'user: mine')).toHaveLength(1);
  });

  it('is not sent along with the next one, and disappears when the user discards it', async () => {
    let refuses = true;
    const world = new World({ authorize: ({ action }) => action !== 'send' || !refuses });
    const device = world.device();
    const { chat, sync, unsent } = synced(device);
    await until(() => chat.status === 'ready' && sync.getReport().connection.state === 'connected');
    await chat.sendMessage({ id: 'no', role: 'user', parts: [{ type: 'text', text: 'no' }] } as never);
    expect(unsent()).toEqual([{ messageId: 'no', kind: 'message', state: 'refused' }]);
    await until(() => isSettled(device));
    refuses = false;
    void chat.sendMessage({ text: 'yes' });
    const call = await world.model.call();
    expect(call.messages.map(({ id }) => id)).not.toContain('no');
    call.say('answer');
    call.finish();
    await until(() => chat.status === 'ready');
    // It stays behind the conversation.
    await until(() => texts(chat).join() === 'user: yes,assistant: answer,user: no');
    sync.discard('no');
    await until(() => texts(chat).join() === 'user: yes,assistant: answer');
    expect(unsent()).toEqual([]);
  });

  it.each([
    ['could not be stopped', true],
    ['goes on', false],
  ])('is shown where the next message took it along before the user discarded it, and %s', async (_, isStopped) => {
    const world = new World();
    const device = world.device();
    const { chat, sync, unsent } = synced(device);
    await until(() => isSettled(device));
    const held: (() => void)[] = [];
    device.network.intercept = ({ method, url }, forward) => {
      if (url.includes('/command')) return refusal('not-now', 403);
      if (method !== 'POST' || held.length === 2) return;
      const isFirst = held.length === 0;
      return new Promise((resolve) => {
        held.push(() => resolve(isFirst ? refusal('forbidden', 403) : forward()));
      });
    };
    void chat.sendMessage({ id: 'one', role: 'user', parts: [{ type: 'text', text: 'one' }] } as never);
    await until(() => held.length === 1);
    await chat.stop();
    void chat.sendMessage({ text: 'two' });
    await until(() => held.length === 2);
    if (isStopped) await chat.stop();
    if (isStopped) await until(() => String(chat.error).includes('not-now'));
    held[0]?.();
    await until(() => unsent()[0]?.state === 'refused');
    sync.discard('one');
    expect(texts(chat)).toEqual(['user: two']);
    if (isStopped) await until(() => isSettled(device));
    held[1]?.();
    const call = await world.model.call();
    call.say('answer');
    call.finish();
    await until(
      () => texts(chat).join() === 'user: one,user: two,assistant: answer' && isSettled(device),
      () => [texts(chat), unsent(), device.network.requests],
    );
  });

  it('of an edit keeps its new text, and the old conversation is shown', async () => {
    let refuses = false;
    const world = new World({ authorize: ({ action }) => action !== 'send' || !refuses });
    const { chat, sync, unsent } = synced(world.device());
    void chat.sendMessage({ id: 'u', role: 'user', parts: [{ type: 'text', text: 'old' }] } as never);
    const first = await world.model.call();
    first.say('answer');
    first.finish();
    await until(() => chat.status === 'ready' && texts(chat).length === 2);
    refuses = true;
    await chat.sendMessage({ text: 'new', messageId: 'u' });
    await until(() => texts(chat).join() === 'user: old,assistant: answer');
    expect(unsent()).toEqual([{ messageId: 'u', kind: 'edit', state: 'refused' }]);
    expect(sync.getReport().unsent[0]?.message?.parts).toEqual([{ type: 'text', text: 'new' }]);
    expect(chat.error).toMatchObject({ code: 'forbidden' });
    refuses = false;
    const sending = sync.resend('u');
    const second = await world.model.call(1);
    second.say('better');
    second.finish();
    await sending;
    await until(() => texts(chat).join() === 'user: new,assistant: better' && unsent().length === 0);
  });

  it('with the output of a tool keeps the output, and delivers it when it is sent again', async () => {
    let refuses = false;
    const world = new World({ authorize: ({ action }) => action !== 'send' || !refuses });
    const device = world.device();
    const { chat, sync, unsent } = synced(device, {
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    });
    void chat.sendMessage({ text: 'where?' });
    const first = await world.model.call();
    first.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    first.finish();
    await until(() => chat.status === 'ready' && chat.messages.length === 2);
    refuses = true;
    await chat.addToolOutput({ tool: 'where', toolCallId: 'call-1', output: 'here' });
    await until(() => chat.status === 'error' && unsent().length === 1 && isSettled(device));
    expect(unsent()).toMatchObject([{ kind: 'answer', state: 'refused' }]);
    const part = () => chat.lastMessage?.parts.find((each) => each.type === 'tool-where');
    expect(part()).toMatchObject({ state: 'output-available', output: 'here' });
    refuses = false;
    const sending = sync.resend(chat.lastMessage?.id as string);
    const second = await world.model.call(1);
    expect(JSON.stringify(second.messages)).toContain('"output":"here"');
    second.say('you are here');
    second.finish();
    await sending;
    await until(() => chat.status === 'ready' && unsent().length === 0);
  });

  it('with the output of a tool is shown as the server has it, where the next message took it along before the user discarded it', async () => {
    let refuses = false;
    const world = new World({ authorize: ({ action }) => action !== 'send' || !refuses });
    const device = world.device();
    const { chat, sync, unsent } = synced(device, {
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    });
    const part = () => chat.messages[1]?.parts.find(isToolUIPart);
    void chat.sendMessage({ text: 'where?' });
    const first = await world.model.call();
    first.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    first.finish();
    await until(() => chat.status === 'ready' && chat.messages.length === 2);
    refuses = true;
    await chat.addToolOutput({ tool: 'where', toolCallId: 'call-1', output: 'here' });
    await until(() => unsent()[0]?.state === 'refused' && isSettled(device));
    refuses = false;
    let send = (): void => {};
    const isDecided = new Promise<void>((resolve) => {
      send = resolve;
    });
    device.network.intercept = ({ method }, forward) => (method === 'POST' ? isDecided.then(forward) : undefined);
    // Too long for the service: the start that it brings does not say what the send took along.
    void chat.sendMessage({ text: 'and now? '.repeat(10_000) });
    await until(() => device.network.requests.filter((request) => request.startsWith('POST')).length === 3);
    sync.discard(chat.messages[1]?.id as string);
    // The send that takes it along is under way.
    await until(() => part()?.state === 'output-available' && isSettled(device));
    send();
    const second = await world.model.call(1);
    expect(JSON.stringify(second.messages)).toContain('"output":"here"');
    second.say('you are here');
    await until(() => texts(chat).at(-1) === 'assistant: you are here');
    second.finish();
    await until(
      () => chat.status === 'ready' && part()?.state === 'output-available' && isSettled(device),
      () => [chat.status, part(), device.network.requests],
    );
    expect(unsent()).toEqual([]);
  });

  it('in a plain useChat that was just reloaded shows the running answer, and keeps its error', async () => {
    const world = new World();
    const sender = world.device().chat('c');
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    const reloaded = world.device().chat('c', { messages: [...sender.messages.slice(0, 1)] });
    const resumed = reloaded.resumeStream();
    void reloaded.sendMessage({ text: 'too early' });
    await until(
      () => texts(reloaded).some((text) => text.includes('one')),
      () => [texts(reloaded), reloaded.status],
    );
    call.say('two');
    call.finish();
    await resumed;
    expect(texts(reloaded)).toContain('assistant: one two');
    expect(reloaded.error).toMatchObject({ code: 'busy' });
  });
});

describe('a stop', () => {
  for (const realtime of [true, false]) {
    for (const isSynced of [true, false]) {
      const where = `${realtime ? 'over realtime' : 'over HTTP'}, ${isSynced ? 'synchronized' : 'plain'}`;
      it(`and then a send: the next question is answered (${where})`, async () => {
        const world = new World();
        const device = world.device({ realtime });
        const chat = isSynced ? device.synced('c') : device.chat('c');
        void chat.sendMessage({ text: 'first' });
        const first = await world.model.call();
        first.say('one');
        await until(() => texts(chat).at(-1)?.includes('one'));
        await chat.stop();
        const sent = chat.sendMessage({ text: 'second' });
        const second = await world.model.call(1);
        second.say('two');
        second.finish();
        await sent;
        expect(chat.error).toBeUndefined();
        expect(texts(chat)).toEqual(['user: first', 'assistant: one', 'user: second', 'assistant: two']);
      });
    }
  }

  it('of a message whose answer was over, and that is sent again, does not leave the chat waiting', async () => {
    const world = new World();
    const device = world.device({ realtime: false });
    // It does not learn of answers, except by the response to its own request.
    const unheard: typeof device.network.intercept = (request) =>
      request.url.includes('/stream') ? never(request) : undefined;
    device.network.intercept = unheard;
    const { chat, sync, unsent } = synced(device);
    await until(() => isSettled(device));
    let refuse = (): void => {};
    const isRefused = new Promise<void>((resolve) => {
      refuse = resolve;
    });
    // Something in front of the server refuses what the server has taken.
    device.network.intercept = (request, forward) => {
      if (request.method === 'GET') return Promise.reject(new TypeError('network error'));
      if (request.url.endsWith('/command')) return undefined;
      return forward().then(() => isRefused.then(() => new Response('No.', { status: 403 })));
    };
    void chat.sendMessage({ text: 'mine' });
    const call = await world.model.call();
    call.say('one');
    call.finish();
    await until(() => world.finished.length === 1);
    await sync.stop();
    refuse();
    await until(() => unsent()[0]?.state === 'refused');
    device.network.intercept = unheard;
    void sync.resend(chat.lastMessage?.id as string);
    await until(
      () => chat.status === 'ready' && texts(chat).join() === 'user: mine,assistant: one' && isSettled(device),
      () => [texts(chat), chat.status, unsent()],
    );
  });

  it('is final: the answer is not streamed again, not even for a moment', async () => {
    const world = new World();
    const device = world.device();
    const { chat, sync } = synced(device);
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1)?.includes('one'));
    let letThrough = (): void => {};
    const held = new Promise<void>((resolve) => {
      letThrough = resolve;
    });
    device.network.intercept = ({ url }, forward) => (url.endsWith('/command') ? held.then(forward) : undefined);
    const seen: string[] = [];
    onTestFinished(chat['~registerStatusCallback'](() => seen.push(chat.status)));
    await chat.stop();
    // The state is read while the cancel is on its way: the run is still the chat's.
    const { ledger } = device.transport.session('c');
    device.transport.session('c').refresh();
    await until(() => device.transport.session('c').ledger.server.reading.kind === 'none');
    expect(ledger.server.active?.runId).toBeDefined();
    letThrough();
    await until(() => sync.getReport().outcomes[call.messageId] === 'cancel' && isSettled(device));
    expect(seen).toEqual(['ready']);
  });

  it.each([
    ['reject', 'reject'],
    ['interrupt', 'interrupt'],
    ['queue', 'queue'],
  ] as const)('before the server has the question loses it nowhere (%s)', async (_, onBusy) => {
    const world = new World({ onBusy });
    const devices = [1, 2, 3].map(() => world.device());
    const parties = devices.map((device) => synced(device));
    await until(() => world.service.listeners.size === 3);
    /** How far a question has come when it is stopped: it is not sent, it is on its way, the server has answered. */
    const moments = [
      () => Promise.resolve(),
      ({ network }: Device) => until(() => network.requests.some((request) => request.startsWith('POST'))),
      ({ network }: Device) =>
        new Promise<void>((resolve) => {
          network.intercept = ({ method }, forward) => (method === 'POST' ? forward().finally(resolve) : undefined);
        }),
    ] as const;
    await Promise.all(
      parties.map(async ({ chat }, index) => {
        const moment = moments[index]?.(devices[index] as Device);
        void chat.sendMessage({ id: `q${index}`, role: 'user', parts: [{ type: 'text', text: `q${index}` }] } as never);
        await moment;
        await chat.stop();
      }),
    );
    const late = world.device().synced('c');
    await until(
      () =>
        parties.every(({ chat, unsent }, index) => {
          const isInLog = late.messages.some(({ id }) => id === `q${index}`);
          const isRefused = unsent().some(({ messageId, state }) => messageId === `q${index}` && state === 'refused');
          return (
            isInLog || (isRefused && chat.error !== undefined && chat.messages.some(({ id }) => id === `q${index}`))
          );
        }),
      () => [texts(late), ...parties.map(({ chat, unsent }) => [texts(chat), unsent(), String(chat.error)])],
    );
  });
});

describe('how an answer ended', () => {
  it('is shown with its message, on every device and after a reload', async () => {
    const world = new World();
    const a = synced(world.device());
    const b = synced(world.device());
    void a.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one');
    await until(() => texts(b.chat).at(-1)?.includes('one'));
    await a.sync.stop();
    const { messageId } = call;
    for (const { sync } of [a, b, synced(world.device())])
      await until(
        () => sync.getReport().outcomes[messageId] === 'cancel',
        () => [messageId, sync.getReport().outcomes],
      );
  });
});

describe('a device', () => {
  it('shows at once that its network is away, and that it is back', async () => {
    const world = new World();
    const device = world.device();
    const { sync } = synced(device);
    await until(() => device.path('c') === 'realtime');
    device.network.http = 'down';
    device.transport.session('c').networkLost();
    expect(sync.getReport().connection).toEqual({ state: 'offline', path: null });
    device.network.http = 'up';
    await until(() => sync.getReport().connection.state === 'connected');
  });

  it('is connected once realtime is back, also when an older request fails only then', async () => {
    const world = new World();
    const device = world.device();
    const { sync } = synced(device);
    await until(() => device.path('c') === 'realtime' && device.network.isIdle);
    let failOlder: (() => void) | undefined;
    let endRead: (() => void) | undefined;
    device.network.intercept = ({ url }, forward) => {
      if (!url.includes('follow=')) return;
      if (!url.includes('wait='))
        return new Promise((_, reject) => {
          failOlder = () => reject(new TypeError('fetch failed'));
        });
      // Its answer has come, and its body not yet.
      return forward().then(({ headers }) => {
        const body = new ReadableStream({
          start(controller) {
            endRead = () => controller.close();
          },
        });
        return new Response(body, { headers });
      });
    };
    device.setRealtime(false);
    await until(() => failOlder);
    device.setRealtime(true);
    await until(() => endRead);
    failOlder?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
    endRead?.();
    await until(() => device.network.isIdle);
    expect(sync.getReport().connection).toEqual({ state: 'connected', path: 'realtime' });
  });

  it('follows over HTTP while the service loses everything, and comes back to it', async () => {
    const world = new World();
    const device = world.device();
    const { chat } = synced(device);
    const sender = world.device().synced('c');
    await until(() => device.path('c') === 'realtime');
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1)?.includes('one'));
    device.network.drop = () => true;
    call.say('two ');
    await until(() => texts(chat).at(-1)?.includes('two'));
    await until(() => device.path('c') === 'sse');
    call.say('three ');
    await until(() => texts(chat).at(-1)?.includes('three'));
    expect(device.path('c')).toBe('sse');
    device.network.drop = () => false;
    call.say('four');
    await until(() => device.path('c') === 'realtime');
    call.finish();
    await until(() => texts(chat).at(-1) === 'assistant: one two three four');
  });

  it('shows a word at most a second late when the service begins to lose everything, and the next words at once', async () => {
    const world = new World();
    const { quietMs, silenceMs } = defaultTimings;
    const { device, clock } = timed(world, { timings: { ...quickTimings, quietMs, silenceMs } });
    const { chat } = synced(device);
    const sender = world.device().synced('c');
    await until(() => device.path('c') === 'realtime');
    void sender.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('0 ');
    await until(() => texts(chat).at(-1)?.includes('0'));
    clock.stop();
    device.network.drop = () => true;
    call.say('1 ');
    // The device reads once in this time: by then the log has to have the word.
    await until(async () => {
      const { messages = [] } = await world.handler.runtime.state('c');
      return texts({ messages }).at(-1)?.includes('1');
    });
    // Page time is a sum of many steps: by its rounding a timer may come a moment early, and wait for another millisecond.
    await clock.advance(quietMs + 2);
    await until(() => texts(chat).at(-1)?.includes('1'));
    // No time passes from here on: what comes is followed.
    for (let word = 2; word <= 5; word++) {
      call.say(`${word} `);
      await until(() => texts(chat).at(-1)?.includes(`${word}`));
    }
    expect(device.path('c')).toBe('sse');
    call.finish();
  });

  it('notices that the log has lost its chats, and shows what it has now', async () => {
    const world = new World();
    const device = world.device();
    const { chat } = synced(device);
    for (const [index, text] of ['one', 'two'].entries()) {
      void chat.sendMessage({ text });
      (await world.model.call(index)).finish();
      await until(() => chat.status === 'ready' && texts(chat).length === 2 * index + 2);
    }
    const fresh = new World();
    world.handler = fresh.newServer({ realtime: world.service, respond: world.model.respond });
    const other = world.device().chat('c');
    void other.sendMessage({ text: 'after the loss' });
    const call = await world.model.call(2);
    call.say('hello');
    call.finish();
    await until(
      () => texts(chat).join() === 'user: after the loss,assistant: hello' && chat.status === 'ready',
      () => texts(chat),
    );
  });

  it('shows the whole answer, though one path said too early that it had ended', async () => {
    const world = new World();
    const device = world.device();
    const { chat } = synced(device);
    await until(() => device.path('c') === 'realtime');
    device.network.drop = (data) => data.includes('"chunks"') || data.includes('"start"');
    device.network.intercept = (request, forward) =>
      request.method === 'POST'
        ? forward().then(async (response) => {
            const run = response.headers.get('x-chat-run-id');
            await response.body?.cancel();
            const chunks = [
              { type: 'start' },
              { type: 'text-start', id: '0' },
              { type: 'text-delta', id: '0', delta: 'all ' },
            ];
            const events = chunks.map((chunk, index) => `id: ${run}:${index + 1}\ndata: ${JSON.stringify(chunk)}\n\n`);
            const text = `${events.join('')}id: ${run}:3:finish\ndata: [DONE]\n\n`;
            return new Response(text, { headers: response.headers });
          })
        : undefined;
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    await until(() => chat.status === 'ready' && chat.messages.length === 2);
    call.say('all of it');
    call.finish();
    await until(
      () => texts(chat).join() === 'user: hi,assistant: all of it' && chat.status === 'ready',
      () => [texts(chat), chat.status],
    );
  });

  it('sends commands in the order in which the user gave them, around a cut', async () => {
    const world = new World();
    const device = world.device();
    const { chat } = synced(device);
    void chat.sendMessage({ text: 'hi' });
    await world.model.call();
    const arrived: string[] = [];
    let failures = 2;
    device.network.intercept = (request, forward) => {
      if (!request.url.endsWith('/command')) return undefined;
      if (failures-- > 0) return Promise.reject(new TypeError('fetch failed'));
      return request
        .clone()
        .text()
        .then((body) => {
          arrived.push(/"text":"(s\d)"/.exec(body)?.[1] ?? '');
          return forward();
        });
    };
    for (const text of ['s1', 's2', 's3', 's4']) device.transport.steer({ chatId: 'c', text }).catch(() => {});
    await until(() => arrived.length >= 4);
    expect(arrived.slice(0, 4)).toEqual(['s1', 's2', 's3', 's4']);
  });

  it('with two transports on one page runs a client tool once', async () => {
    const world = new World();
    let runs = 0;
    const onToolCall = () => void runs++;
    Object.assign(globalThis, { document: new EventTarget() });
    onTestFinished(() => void Reflect.deleteProperty(globalThis, 'document'));
    const [a, b] = [world.device({ clientId: 'page' }), world.device({ clientId: 'page' })];
    const [one, two] = [synced(a, { onToolCall }), synced(b, { onToolCall })];
    void one.chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'where', input: {} });
    call.finish();
    await until(() => [one, two].every(({ chat }) => chat.status === 'ready' && chat.messages.length === 2));
    // The commands of a page are in order: both transports' claims are answered before this one.
    await Promise.all([a, b].map(({ transport }) => transport.steer({ chatId: 'c', text: 'later' })));
    await until(() => runs > 0 && [a, b].every(isSettled));
    expect(runs).toBe(1);
  });
});

it('a chat that was deleted is shown empty on every device, at once', async () => {
  const world = new World({ allowDelete: true });
  const [a, b] = [synced(world.device()), synced(world.device())];
  void a.chat.sendMessage({ text: 'hi' });
  (await world.model.call()).finish();
  await until(() => [a, b].every(({ chat }) => chat.status === 'ready' && texts(chat).length === 2));
  await world.handler(new Request('http://test.local/api/chat/c', { method: 'DELETE' }));
  await until(
    () => [a, b].every(({ chat }) => chat.messages.length === 0),
    () => [texts(a.chat), texts(b.chat)],
  );
});

it('a token that has expired is read again, and the send repeated once', async () => {
  const world = new World();
  let token = 0;
  const device = world.device({ headers: () => ({ authorization: `${++token}` }) });
  let refusals = 1;
  device.network.intercept = (request) =>
    request.url.endsWith('/api/chat') && refusals-- > 0 ? refusal('unauthorized', 401) : undefined;
  const { chat } = synced(device);
  void chat.sendMessage({ text: 'hi' });
  (await world.model.call()).finish();
  await until(() => chat.status === 'ready' && texts(chat).length === 2);
  expect(chat.error).toBeUndefined();
});

it('a device stops an answer whose words it has read, before its stream is open', async () => {
  const world = new World();
  const { chat } = synced(world.device());
  void chat.sendMessage({ text: 'hi' });
  const call = await world.model.call();
  call.say('one ');
  await until(() => texts(chat).at(-1)?.includes('one'));
  const other = world.device({ realtime: false });
  other.network.intercept = (request) => (request.url.includes('/stream') ? never(request) : undefined);
  const { chat: shown, sync } = synced(other);
  await until(() => texts(shown).at(-1)?.includes('one'));
  void sync.stop();
  await until(() => call.signal.aborted);
});
