import type { UIMessageChunk } from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ResumeOf } from '../../src/client/resume-run.ts';
import { syncChat } from '../../src/index.ts';
import { encodeFrame } from '../../src/wire/frame-codec.ts';
import { TestClock } from '../support/test-clock.ts';
import { informed, isSettled, never, quickTimings, texts, until, World } from '../support/world.ts';

const within = async <T>(ms: number, what: string, work: Promise<T>): Promise<T> =>
  Promise.race([
    work,
    new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms)),
  ]);
const count = (requests: string[], part: string) => requests.filter((request) => request.includes(part)).length;
/** A user message, as `sendMessages` of a transport takes it. */
const hello = (chatId: string) => ({
  chatId,
  trigger: 'submit-message' as const,
  messageId: undefined,
  abortSignal: undefined,
  messages: [{ id: `u-${chatId}`, role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] }],
});

describe('close', () => {
  it('ends a send that is waiting for its answer', async () => {
    const device = new World().device();
    device.network.intercept = never;
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    await until(() => device.network.requests.length > 0);
    device.transport.close();
    await within(1000, 'close', sent);
    expect(chat.status).toBe('error');
    expect(device.network.requests).toHaveLength(1);
  });

  it('lets go of the connection that an answer is being read from', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one');
    await until(() => texts(chat).at(-1)?.includes('one'));
    expect(device.network.open).toBe(1);
    device.transport.close();
    await sent;
    await until(() => device.network.open === 0, undefined, 1000);
    expect(call.signal.aborted).toBe(false);
  });

  it('without a network ends every attempt: nothing is asked when the network is back', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.synced('c');
    const sent = chat.sendMessage({ text: 'hi' });
    (await world.model.call()).say('one');
    await until(() => texts(chat).at(-1)?.includes('one'));
    device.cut();
    await until(() => device.events.some(({ type }) => type === 'http-failed'));
    device.transport.close();
    await sent;
    const { length } = device.network.requests;
    device.restore();
    const other = world.device().synced('c');
    await until(() => texts(other).at(-1)?.includes('one'));
    expect(device.network.requests).toHaveLength(length);
  });

  it('leaves a transport that says what is wrong when it is used', async () => {
    const device = new World().device();
    device.transport.close();
    const chat = device.chat('c');
    await chat.sendMessage({ text: 'hi' });
    expect(chat.error?.message).toContain('closed');
    expect(device.transport.connection('c').getSnapshot()).toEqual({ state: 'idle', path: null });
    expect(device.network.requests).toEqual([]);
  });
});

describe('a network that is half open', () => {
  it('does not keep a stop from the server', async () => {
    const world = new World();
    const device = world.device({ timings: { ...quickTimings, sendMs: 200 } });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    device.network.intercept = (request) =>
      request.url.includes('/command') && count(device.network.requests, '/command') === 1 ? never(request) : undefined;
    await until(() => device.path('c') === 'realtime');
    await chat.stop();
    await sent;
    await until(() => call.signal.aborted, undefined, 2000);
  });

  it('fails a send as a disconnect, never as if the user had stopped it', async () => {
    const device = new World().device({ timings: { ...quickTimings, sendMs: 100, giveUpAfterMs: 300 } });
    device.network.intercept = never;
    const chat = device.chat('c');
    await chat.sendMessage({ text: 'hi' });
    expect(chat.error).toBeInstanceOf(TypeError);
    expect(chat.error?.message).toContain('network');
  });

  it('that holds the answer to the POST back shows the words that realtime brings', async () => {
    const world = new World();
    const device = world.device();
    let letGo = () => {};
    device.network.intercept = (request, forward) =>
      request.method === 'POST'
        ? forward().then((answer) => new Promise((done) => (letGo = () => done(answer))))
        : undefined;
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('early ');
    await until(
      () => texts(chat).at(-1)?.includes('early'),
      () => texts(chat),
      2000,
    );
    letGo();
    call.say('late');
    call.finish();
    await sent;
    expect(texts(chat)).toEqual(['user: hi', 'assistant: early late']);
  });
});

describe('a server', () => {
  it('that is not a chat server is reported by a code, and not by silence', async () => {
    const device = new World().device();
    device.network.intercept = async () =>
      new Response('<html>Please log in</html>', { headers: { 'content-type': 'text/html' } });
    const chat = device.chat('c');
    await within(2000, 'send', chat.sendMessage({ text: 'hi' }));
    expect(chat.error).toMatchObject({ code: 'protocol' });
  });

  it('that answers null fails with its status', async () => {
    const device = new World().device();
    device.network.intercept = async () => new Response('null', { status: 403 });
    const chat = device.chat('c');
    await within(2000, 'send', chat.sendMessage({ text: 'hi' }));
    expect(chat.error).toMatchObject({ code: 'forbidden' });
  });

  it('that is gone ends the answer as a disconnect, though realtime lives', async () => {
    const world = new World();
    const device = world.device({ timings: { ...quickTimings, silenceMs: 50, giveUpAfterMs: 400 } });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('last');
    await until(() => texts(chat).at(-1)?.includes('last') && device.path('c') === 'realtime');
    device.network.cutHttp();
    await within(4000, 'the end', sent);
    expect(chat.error).toBeInstanceOf(TypeError);
    expect(texts(chat).at(-1)).toBe('assistant: last');
  });

  it('that refuses a token once, while it is renewed, does not end the answer', async () => {
    const world = new World();
    let token = 1;
    const device = world.device({ realtime: false, headers: () => ({ authorization: `Bearer ${token}` }) });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1)?.includes('one'));
    device.network.intercept = async (request, forward) => {
      if (request.headers.get('authorization') === 'Bearer 2') return forward();
      token = 2;
      return new Response('{}', { status: 401 });
    };
    device.network.block('response');
    call.say('two');
    call.finish();
    await sent;
    expect(chat.error).toBeUndefined();
    expect(texts(chat).at(-1)).toBe('assistant: one two');
  });

  it('gets what one call added to the headers on every request that follows from it', async () => {
    const world = new World({ authorize: ({ request }) => request.headers.get('x-tenant') === 'blue' });
    const device = world.device({ realtime: false });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' }, { headers: { 'x-tenant': 'blue' } });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1)?.includes('one'));
    device.network.block('response');
    call.say('two ');
    await until(
      () => texts(chat).at(-1)?.includes('two'),
      () => [texts(chat), chat.error],
    );
    await chat.stop();
    await sent;
    await until(() => call.signal.aborted, undefined, 2000);
  });
});

describe('a device that watches', () => {
  it('learns of the turns it missed, though realtime is back before HTTP', async () => {
    const world = new World();
    const a = world.device().synced('c');
    const away = world.device();
    const b = away.synced('c');
    await until(() => away.path('c') === 'realtime');
    away.cut();
    void a.sendMessage({ text: 'missed' });
    const call = await world.model.call();
    call.say('answer');
    call.finish();
    await until(() => a.status === 'ready' && texts(a).length === 2);
    const before = away.network.requests.length;
    away.setRealtime(true);
    // More than one try fails.
    await until(() => away.network.requests.length > before + 2);
    away.network.http = 'up';
    await until(
      () => texts(b).length === 2 && b.status === 'ready',
      () => texts(b),
    );
  });

  it('learns of a turn that began while an older read of the log was under way', async () => {
    const world = new World();
    const device = world.device();
    const b = device.synced('c');
    await until(() => device.path('c') === 'realtime');
    device.setRealtime(false);
    await until(() => device.path('c') === 'sse');
    let letGo = () => {};
    // The first single read is answered from before the turn, and comes after it.
    device.network.intercept = (request, forward) =>
      request.url.includes('wait=0')
        ? forward().then(async (answer) => {
            const body = await answer.text();
            return new Promise((done) => (letGo = () => done(new Response(body, answer))));
          })
        : undefined;
    device.setRealtime(true);
    await until(() => count(device.network.requests, 'wait=0') > 0);
    await until(() => letGo.name === 'letGo' && letGo.toString().includes('done'));
    device.setRealtime(false);
    device.network.block('sse');
    const a = world.device().synced('c');
    void a.sendMessage({ text: 'in between' });
    (await world.model.call()).finish();
    await until(() => a.status === 'ready' && a.messages.length > 0);
    device.network.intercept = () => undefined;
    device.setRealtime(true);
    letGo();
    await until(
      () => texts(b)[0] === 'user: in between',
      () => texts(b),
    );
  });

  it('asks a server that is away less and less, however much comes over realtime', async () => {
    const world = new World();
    const clock = new TestClock();
    const device = world.device({ clock });
    device.synced('c');
    await until(() => device.path('c') === 'realtime');
    device.network.cutHttp();
    clock.stop();
    const { listener } = [...world.service.listeners][0] as { listener: { onMessage(data: string): void } };
    // A message each 10 ms, for a second.
    for (let at = 0; at < 100; at++) {
      listener.onMessage(
        encodeFrame({ v: 1, run: 'unknown', turn: 9, at, next: at + 1, chunks: [{ type: 'start-step' }] }),
      );
      await clock.advance(10);
    }
    const asked = device.network.requests.filter((request) => request === 'GET /api/chat/c').length;
    expect(asked).toBeLessThan(10);
  });

  it('shows the question and the answer of a send that the page did not live to see begun', async () => {
    const world = new World();
    const first = world.device({ clientId: 'device' });
    let forward: (() => Promise<Response>) | undefined;
    first.network.intercept = (request, send) => {
      if (request.method !== 'POST') return undefined;
      forward = send;
      return never(request);
    };
    void first.chat('c').sendMessage({ text: 'hi' });
    await until(() => forward);
    first.transport.close();
    const device = world.device({ clientId: 'device' });
    const reloaded = device.synced('c');
    await until(() => device.path('c') === 'realtime' && informed(device, 0));
    // The request was under way: the server begins it now.
    const request = new Request('http://test.local/api/chat', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...hello('c'), id: 'c', runId: 'run-1', clientId: 'device', chatId: undefined }),
    });
    void world.handler(request);
    const call = await world.model.call();
    call.say('answer');
    call.finish();
    await until(
      () => texts(reloaded).length === 2 && reloaded.status === 'ready',
      () => texts(reloaded),
    );
    expect(texts(reloaded)).toEqual(['user: hi', 'assistant: answer']);
  });

  it('shows turns that it missed while it was still streaming an older one', async () => {
    const world = new World();
    const a = world.device().synced('c');
    const device = world.device();
    const b = device.synced('c');
    await until(() => device.path('c') === 'realtime');
    void a.sendMessage({ text: 'first' });
    const first = await world.model.call();
    first.say('one ');
    await until(() => texts(b).at(-1)?.includes('one') && b.status === 'streaming');
    // It hears nothing of the end, nor of the next turn, until the third has begun.
    device.network.drop = () => true;
    let letGo: (() => void)[] = [];
    device.network.intercept = (request, forward) =>
      request.url.includes('/stream') ? new Promise((done) => letGo.push(() => done(forward()))) : undefined;
    first.finish();
    await until(() => a.status === 'ready');
    void a.sendMessage({ text: 'second' });
    (await world.model.call(1)).finish();
    await until(() => a.status === 'ready' && a.messages.length >= 3);
    device.network.drop = () => false;
    void a.sendMessage({ text: 'third' });
    const third = await world.model.call(2);
    third.say('three');
    await until(() => count(device.network.requests, 'GET /api/chat/c') > 1 && informed(device, 3));
    device.network.intercept = () => undefined;
    for (const go of letGo) go();
    letGo = [];
    third.finish();
    await until(
      () => String(texts(b)) === String(texts(a)) && b.status === 'ready' && a.status === 'ready',
      () => [texts(a), texts(b)],
    );
    expect(texts(b)).toEqual(texts(a));
  });

  it('learns of the next turn although the stream broke off between the end of a run and the next start', async () => {
    const world = new World();
    const a = world.device().synced('c');
    const device = world.device();
    const b = device.synced('c');
    await until(() => device.path('c') === 'realtime');
    void a.sendMessage({ text: 'first' });
    const first = await world.model.call();
    first.say('one ');
    await until(() => texts(b).at(-1)?.includes('one') && b.status === 'streaming');
    device.cut();
    first.finish();
    await until(() => a.status === 'ready');
    void a.sendMessage({ text: 'second' });
    (await world.model.call(1)).finish();
    await until(() => a.status === 'ready' && a.messages.length === 4);
    let isBroken = false;
    device.network.intercept = (request, forward) => {
      if (isBroken || !request.url.includes('wait=0')) return undefined;
      isBroken = true;
      return forward().then(async (response) => {
        const text = await response.text();
        let told = text.slice(0, text.lastIndexOf('event: frame', text.indexOf('"start":{')));
        expect(told).toContain('"end":{');
        const body = new ReadableStream({
          pull: (controller) => {
            if (told === '') controller.error(new TypeError('network error'));
            else controller.enqueue(new TextEncoder().encode(told));
            told = '';
          },
        });
        return new Response(body, { headers: response.headers });
      });
    };
    device.restore();
    await until(
      () => isBroken && String(texts(b)) === String(texts(a)) && b.status === 'ready',
      () => [isBroken, b.status, texts(b)],
    );
  });

  it('shows the question of an answer that it resumed before the start arrived, although nothing of the answer came', async () => {
    const world = new World({ respond: () => new ReadableStream<UIMessageChunk>() });
    const device = world.device();
    // Realtime brings it nothing, and its first request is answered late.
    device.network.drop = () => true;
    let isAsked = false;
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    device.network.intercept = (request, forward) => {
      if (!request.url.includes('recent=')) return undefined;
      isAsked = true;
      return held.then(forward);
    };
    const b = device.chat('c');
    void b.resumeStream();
    onTestFinished(syncChat(b, device.transport));
    await until(() => isAsked && informed(device, 0));
    const other = world.device();
    const a = other.synced('c');
    void a.sendMessage({ text: 'hi' });
    await until(() => informed(other, 1));
    await other.transport.cancel({ chatId: 'c' });
    await until(() => a.status === 'ready');
    answer();
    await until(
      () => b.status === 'ready' && texts(b).length > 0,
      () => [b.status, texts(b)],
    );
    expect(texts(b)).toEqual(['user: hi']);
  });

  it('keeps an answer of which only the beginning came, when it reads a state from before it', async () => {
    let begin = () => {};
    const world = new World({
      respond: () =>
        new ReadableStream<UIMessageChunk>({
          start: (controller) => {
            begin = () => controller.enqueue({ type: 'start', messageMetadata: { model: 'small' } });
          },
        }),
    });
    const device = world.device();
    const chat = device.synced('c');
    await until(() => device.path('c') === 'realtime');
    void chat.sendMessage({ text: 'hi' });
    const session = device.transport.session('c');
    await until(() => informed(device, 1));
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let isAsked = false;
    device.network.intercept = (request, forward) =>
      request.url.endsWith('/c')
        ? forward().then((response) => {
            isAsked = true;
            return held.then(() => response);
          })
        : undefined;
    session.refresh();
    await until(() => isAsked);
    begin();
    await until(() => chat.messages.length === 2);
    device.network.intercept = () => undefined;
    answer();
    await device.transport.cancel({ chatId: 'c' });
    const late = world.device().synced('c');
    await until(
      () => chat.status === 'ready' && late.messages.length === 2 && late.status === 'ready',
      () => [chat.status, chat.messages, late.messages],
    );
    expect(chat.messages.map(({ metadata }) => metadata)).toEqual([undefined, { model: 'small' }]);
    expect(late.messages).toEqual(chat.messages);
  });

  it('goes on when the app’s own listeners throw', async () => {
    const world = new World();
    const broken = () => {
      throw new Error('of the app');
    };
    const device = world.device();
    device.transport.watch('c', broken);
    device.transport.connection('c').subscribe(broken);
    (device.events as unknown as { push: () => void }).push = broken;
    const chat = device.synced('c');
    device.setRealtime(false);
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    device.network.block('response');
    call.say('answer');
    call.finish();
    await until(
      () => texts(chat).at(-1) === 'assistant: answer' && chat.status === 'ready',
      () => [texts(chat), chat.status],
    );
  });
});

it('a resume that is answered late, with an older answer, leaves the chat to what was sent meanwhile', async () => {
  const world = new World();
  const a = world.device().synced('c');
  void a.sendMessage({ text: 'first' });
  (await world.model.call()).finish();
  await until(() => a.status === 'ready');
  const device = world.device();
  const b = device.chat('c', { messages: structuredClone(a.messages) });
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  device.network.intercept = (request, forward) =>
    request.url.includes('recent=') ? forward().then((response) => held.then(() => response)) : undefined;
  let isResumed = false;
  const resumed = b.resumeStream().then(() => {
    isResumed = true;
    return texts(b).at(-1);
  });
  await until(() => count(device.network.requests, 'recent=') === 1);
  void b.sendMessage({ text: 'second' });
  const call = await world.model.call(1);
  call.say('one ');
  await until(() => texts(b).at(-1)?.includes('one'));
  answer();
  call.say('two ');
  await until(() => texts(b).at(-1)?.includes('two'));
  expect([b.status, isResumed]).toEqual(['streaming', false]);
  const words = Array.from({ length: 200 }, (_, index) => `w${index} `).join('');
  call.say(words);
  call.finish();
  expect(await resumed).toBe(`assistant: one two ${words}`);
  expect(b.status).toBe('ready');
});

describe('without realtime', () => {
  it.each([
    ['while the answer is written', false],
    ['when the answer has ended', true],
  ])('a stream that begins late, %s, closes the gap behind what was kept', async (_, hasEnded) => {
    const world = new World();
    const device = world.device({ realtime: false });
    device.transport.watch('c', () => {});
    await until(() => device.path('c') === 'sse');
    const sender = world.device();
    void sender.transport.sendMessages(hello('c'));
    const call = await world.model.call();
    const words = Array.from({ length: 400 }, (_, index) => `w${index} `);
    for (const word of words) {
      call.say(word);
      call.paragraph();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await until(() => device.transport.session('c').ledger.server.active);
    const runId = device.transport.session('c').ledger.server.active?.runId as string;
    if (hasEnded) {
      call.finish();
      await until(() => !device.transport.session('c').ledger.server.active);
    }
    const stream = await device.transport.reconnectToStream({ chatId: 'c', metadata: new ResumeOf(runId) });
    if (!hasEnded) call.finish();
    let text = '';
    const read = (async () => {
      for await (const chunk of stream as unknown as AsyncIterable<UIMessageChunk>) {
        if (chunk.type === 'text-delta') text += chunk.delta;
      }
    })();
    await within(4000, 'the stream', read);
    expect(text).toBe(words.join(''));
  });

  it('an open stream is back after the network was away', async () => {
    const world = new World();
    const device = world.device({ realtime: false });
    const chat = device.synced('c');
    await until(() => device.path('c') === 'sse');
    device.network.cutHttp();
    await until(() => count(device.network.requests, 'follow') > 3);
    device.network.http = 'up';
    await until(() => device.path('c') !== null);
    expect(device.path('c')).toBe('sse');
    expect(chat.status).toBe('ready');
  });

  it('an answer that ends with its deleted chat does not keep its sender waiting, where nothing of it came', async () => {
    const world = new World();
    // No request is repeated because this machine is slow.
    const timings = { ...quickTimings, firstByteMs: 60_000, stallMs: 60_000 };
    const device = world.device({ realtime: false, timings });
    const chat = device.synced('c');
    let follow = (): void => {};
    let breakAnswer = (): void => {};
    const isDeleted = new Promise<void>((resolve) => {
      follow = resolve;
    });
    device.network.intercept = ({ method, url }, forward) => {
      if (url.includes('follow=')) return isDeleted.then(forward);
      if (method !== 'POST') return;
      const body = new ReadableStream({
        start: (controller) => {
          breakAnswer = () => controller.error(new TypeError('network error'));
        },
      });
      return forward().then(({ headers }) => new Response(body, { headers }));
    };
    await until(() => count(device.network.requests, 'follow=0') === 1);
    void chat.sendMessage({ text: 'hi' });
    await world.model.call();
    await until(() => device.path('c') === 'response');
    await world.handler.runtime.deleteChat('c');
    follow();
    await until(
      () => informed(device, 2),
      () => device.network.requests,
    );
    breakAnswer();
    await until(
      () => chat.status === 'error',
      () => [chat.status, device.path('c'), device.network.requests],
    );
    expect(chat.error).toMatchObject({ code: 'log-expired' });
    await until(() => texts(chat).length === 0);
  });

  it('a device learns that the chat was deleted, where it had stopped the run that it asked for', async () => {
    const world = new World();
    const timings = { ...quickTimings, firstByteMs: 60_000, stallMs: 60_000 };
    const device = world.device({ timings });
    const chat = device.synced('c');
    await until(() => device.path('c') === 'realtime' && isSettled(device));
    void world.device().synced('c').sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1) === 'assistant: one ');
    let answer: (() => void) | undefined;
    device.network.intercept = (request, forward) => {
      if (request.url.includes('/command')) return never(request);
      if (answer || !request.url.includes('run=')) return;
      return new Promise<void>((resolve) => (answer = resolve)).then(forward);
    };
    // The service loses everything from here on: a part of the answer is missing, and the deletion is not heard.
    device.network.drop = (data) => !data.includes('three');
    call.say('two ');
    call.say('three ');
    await until(() => answer);
    device.network.drop = () => true;
    await chat.stop();
    const session = device.transport.session('c');
    await until(() => session.commands.isBusy && session.ledger.server.reading.kind === 'none');
    await world.handler.runtime.deleteChat('c');
    answer?.();
    await until(
      () => chat.messages.length === 0,
      () => [texts(chat), chat.status, device.path('c'), device.network.requests],
    );
  });

  it.each([
    ['is not shown as refused', false],
    ['does not come back where the chat goes on', true],
  ])(
    'a message that went along with the next one, and was deleted with the chat: its own request %s',
    async (_title, goesOn) => {
      const world = new World();
      const device = world.device({ realtime: false });
      const chat = device.synced('c');
      await until(() => isSettled(device));
      let isAnswered = false;
      let answer: (() => void) | undefined;
      device.network.intercept = ({ method, url }, forward) => {
        if (answer || method !== 'POST' || url.includes('/command')) return;
        return new Promise<void>((resolve) => (answer = resolve)).then(forward).finally(() => (isAnswered = true));
      };
      void chat.sendMessage({ text: 'one' });
      await until(() => answer);
      await chat.stop();
      void chat.sendMessage({ text: 'two' });
      const call = await world.model.call();
      expect(texts(call)).toEqual(['user: one', 'user: two']);
      call.finish();
      await until(() => chat.status === 'ready');
      await world.handler.runtime.deleteChat('c');
      await until(() => chat.messages.length === 0);
      if (goesOn) {
        const other = world.device();
        const theirs = other.synced('c');
        await until(() => informed(other, 2));
        void theirs.sendMessage({ text: 'other' });
        (await world.model.call(1)).finish();
        await until(() => texts(chat)[0] === 'user: other' && chat.status === 'ready');
      }
      const posts = count(device.network.requests, 'POST /api/chat');
      answer?.();
      await until(() => isAnswered && isSettled(device));
      expect([chat.status, count(device.network.requests, 'POST /api/chat')]).toEqual(['ready', posts]);
      // A sentinel: the next question is the model's next call.
      void chat.sendMessage({ text: 'three' });
      expect(texts(await world.model.call(goesOn ? 2 : 1))).toEqual(
        goesOn ? ['user: other', 'assistant: ', 'user: three'] : ['user: three'],
      );
    },
  );

  it('a poll does not ask for each token', async () => {
    const world = new World();
    const clock = new TestClock();
    const device = world.device({ realtime: false, clock });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    device.network.block('held');
    call.say('x ');
    await until(() => device.path('c') === 'poll');
    clock.stop();
    const asked = count(device.network.requests, 'wait=');
    for (let tokens = 0; tokens < 250; tokens++) {
      call.say('x ');
      call.paragraph();
      await clock.advance(2);
    }
    // One per `gapMs` at the most.
    expect(count(device.network.requests, 'wait=') - asked).toBeLessThan(500 / quickTimings.gapMs + 2);
    call.finish();
    await until(async () => {
      await clock.advance(quickTimings.gapMs);
      return chat.status === 'ready';
    });
    await sent;
  });
});

describe('two chats of one id on one transport', () => {
  it('the second one’s stop does not wait for the first one’s answer', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.chat('c');
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one');
    await until(() => texts(chat).at(-1)?.includes('one'));
    const second = device.chat('c');
    const resumed = second.resumeStream();
    await within(1000, 'stop', second.stop());
    await within(1000, 'resume', resumed);
    expect(call.signal.aborted).toBe(false);
  });
});

it('cancel without a run means the one that is active, also for a device that does not watch', async () => {
  const world = new World();
  const device = world.device({ onAbort: 'detach' });
  const chat = device.chat('c');
  const sent = chat.sendMessage({ text: 'hi' });
  const first = await world.model.call();
  first.say('one');
  await until(() => texts(chat).at(-1)?.includes('one'));
  await chat.stop();
  await sent;
  first.finish();
  await until(() => world.finished.length === 1);
  void world.device().synced('c').sendMessage({ text: 'and?' });
  const second = await world.model.call(1);
  expect(await device.transport.cancel({ chatId: 'c' })).toMatchObject({ outcome: 'delivered' });
  await until(() => second.signal.aborted);
});

it('a subscription that was refused is tried again with the next message', async () => {
  const world = new World();
  const device = world.device();
  const chat = device.chat('c');
  const first = chat.sendMessage({ text: 'hi' });
  (await world.model.call()).say('one');
  const { listener } = [...world.service.listeners][0] as { listener: { onFailed(error: unknown): void } };
  listener.onFailed(new Error('the token is too old'));
  (await world.model.call()).finish();
  await first;
  void chat.sendMessage({ text: 'again' });
  await until(() => device.path('c') === 'realtime');
});
