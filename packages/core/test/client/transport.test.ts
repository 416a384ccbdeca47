import { Chat } from '@ai-sdk/react';
import type { UIMessage } from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ResumeOf } from '../../src/client/resume-run.ts';
import { RealtimeChatTransport, syncChat } from '../../src/index.ts';
import { TestClock } from '../support/test-clock.ts';
import { Network, never, nonces, quickTimings, texts, until, World } from '../support/world.ts';

const idle = (chat: { status: string }) => chat.status === 'ready' || chat.status === 'error';

describe('a sender', () => {
  it('gets its answer, and it equals the one in the log', async () => {
    const world = new World();
    const chat = world.device().chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one two three');
    call.finish();
    await sent;
    expect(chat.error).toBeUndefined();
    expect(chat.status).toBe('ready');
    expect(texts(chat)).toEqual(['user: hi', 'assistant: one two three']);
    await until(() => world.finished.length === 1);
    expect(world.finished[0]?.messages.at(-1)).toEqual(chat.lastMessage);
  });

  it('keeps the answer when every path dies in turn, and comes back to realtime', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    const step = async (word: string, path: string) => {
      await until(
        () => device.path('c') === path,
        () => ({
          path: device.path('c'),
          want: path,
          requests: device.network.requests,
          events: device.events.map(String),
        }),
      );
      call.say(`${word} `);
      await until(
        () => texts(chat).at(-1)?.includes(word),
        () => texts(chat),
      );
    };
    await step('realtime', 'realtime');
    device.setRealtime(false);
    await step('response', 'response');
    device.network.block('response');
    await step('sse', 'sse');
    device.network.block('held');
    await step('poll', 'poll');
    device.network.blocked.clear();
    device.setRealtime(true);
    await step('again', 'realtime');
    call.finish();
    await sent;
    expect(texts(chat).at(-1)).toBe('assistant: realtime response sse poll again ');
    expect(nonces(chat)).toEqual([call.nonce]);
    expect(world.model.calls).toHaveLength(1);
  });

  it('repairs from the log what the realtime service loses', async () => {
    const world = new World();
    const device = world.device();
    let count = 0;
    device.network.drop = () => count++ % 3 === 0;
    device.network.block('response');
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    const words = Array.from({ length: 60 }, (_, index) => `w${index}`);
    for (const word of words) {
      call.say(word);
      call.paragraph();
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    call.finish();
    await sent;
    expect(texts(chat).at(-1)).toBe(`assistant: ${words.join('|')}|`);
    expect(world.model.calls).toHaveLength(1);
  });

  it('sends one message and gets one generation when the answer to its POST is lost', async () => {
    const world = new World();
    const device = world.device({ realtime: false });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    device.network.http = 'down';
    await until(() => device.network.requests.length >= 1);
    const call = await new Promise<Awaited<ReturnType<typeof world.model.call>>>((resolve) => {
      // The request was refused at first; then it reaches the server, but not its answer.
      setTimeout(() => {
        device.network.http = 'up';
        void world.model.call().then((made) => {
          device.network.cutHttp();
          resolve(made);
        });
      }, 50);
    });
    call.say('only once');
    setTimeout(() => {
      device.network.http = 'up';
    }, 300);
    call.finish();
    await sent;
    expect(texts(chat)).toEqual(['user: hi', 'assistant: only once']);
    expect(world.model.calls).toHaveLength(1);
    expect(device.network.requests.filter((request) => request === 'POST /api/chat').length).toBeGreaterThan(1);
  });

  it('knows that the server has its message, although it received only chunks of the answer', async () => {
    const world = new World();
    const device = world.device();
    const [a, b] = [device.synced('c'), world.device().synced('c')];
    void b.sendMessage({ text: 'first' });
    (await world.model.call()).finish();
    await until(() => idle(a) && idle(b) && texts(a).length === 2);
    device.network.drop = (data) => data.includes('"start":{');
    device.network.intercept = (request, forward) =>
      request.url.includes('/stream')
        ? undefined
        : forward().then(() => {
            throw new TypeError('network error');
          });
    void a.sendMessage({ text: 'second' });
    const call = await world.model.call(1);
    call.say('one ');
    await until(
      () => texts(a).at(-1)?.includes('one'),
      () => texts(a),
    );
    call.finish();
    await until(() => idle(a) && idle(b) && texts(b).length === 4);
    void b.sendMessage({ text: 'edited', messageId: b.messages[0]?.id as string });
    (await world.model.call(2)).finish();
    await until(() => idle(b) && texts(b).length === 2);
    device.network.drop = () => false;
    device.network.intercept = () => undefined;
    await until(
      () => texts(a)[0] === 'user: edited' && idle(a),
      () => texts(a),
    );
    expect(texts(a)).toEqual(texts(b));
  });

  it('fails as a disconnect when no path is left for long, and resumes from there', async () => {
    const world = new World();
    const device = world.device({
      timings: { ...(await import('../support/world.ts')).quickTimings, giveUpAfterMs: 400 },
    });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('before ');
    await until(
      () => texts(chat).at(-1)?.includes('before'),
      () => texts(chat),
    );
    device.cut();
    await sent;
    expect(chat.status).toBe('error');
    expect(chat.error).toBeInstanceOf(TypeError);
    expect(chat.error?.message).toContain('network');
    expect(texts(chat).at(-1)).toBe('assistant: before ');
    device.restore();
    const resumed = chat.resumeStream();
    call.say('after');
    call.finish();
    await resumed;
    expect(texts(chat).at(-1)).toBe('assistant: before after');
    expect(world.model.calls).toHaveLength(1);
  });

  it('never shows a stream that just ends as finished', async () => {
    const world = new World();
    const device = world.device({ realtime: false });
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('half ');
    await until(
      () => texts(chat).at(-1)?.includes('half'),
      () => texts(chat),
    );
    device.network.block('response');
    device.network.blocked.clear();
    call.say('whole');
    await until(
      () => texts(chat).at(-1)?.includes('whole'),
      () => texts(chat),
    );
    expect(chat.status).toBe('streaming');
    call.finish();
    await sent;
    expect(chat.status).toBe('ready');
  });

  it('ends with a typed error when the writer is dead', async () => {
    const world = new World({ leaseMs: 1_000, renewEveryMs: 100_000 });
    const chat = world.device().chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('last words');
    await sent;
    expect(chat.status).toBe('error');
    expect(chat.error).toMatchObject({ code: 'lost' });
    expect(texts(chat).at(-1)).toContain('last words');
  });

  it('reads ten thousand chunks that a slow reader left lying', async () => {
    const world = new World();
    const device = world.device({ timings: { ...quickTimings, giveUpAfterMs: 60_000 } });
    const stream = await (async () => {
      const sending = device.transport.sendMessages({
        chatId: 'c',
        trigger: 'submit-message',
        messageId: undefined,
        messages: [{ id: 'u', role: 'user', parts: [{ type: 'text', text: 'hi' }] }] as UIMessage[],
        abortSignal: undefined,
      });
      const call = await world.model.call();
      for (let index = 0; index < 5000; index++) {
        call.say(`${index} `);
        call.paragraph();
      }
      call.finish();
      return sending;
    })();
    await until(() => world.finished.length === 1, undefined, 15_000);
    let deltas = '';
    for await (const chunk of stream) if (chunk.type === 'text-delta') deltas += chunk.delta;
    expect(deltas).toBe(Array.from({ length: 5000 }, (_, index) => `${index} `).join(''));
  });

  it.each([true, false])(
    'catches up behind a slow reader while the answer goes on (realtime: %s)',
    async (realtime) => {
      const world = new World();
      const timings = { ...quickTimings, giveUpAfterMs: 1000 };
      const device = world.device({ timings, realtime });
      const sending = device.transport.sendMessages({
        chatId: 'c',
        trigger: 'submit-message',
        messageId: undefined,
        messages: [{ id: 'u', role: 'user', parts: [{ type: 'text', text: 'hi' }] }] as UIMessage[],
        abortSignal: undefined,
      });
      const call = await world.model.call();
      for (let index = 0; index < 3000; index++) {
        call.say(`${index} `);
        call.paragraph();
      }
      const stream = await sending;
      await expect.poll(async () => (await world.log.state('c')).active?.next, { timeout: 15_000 }).toBe(9003);
      // It reads nothing for longer than a run may be without a path.
      await new Promise((resolve) => setTimeout(resolve, timings.giveUpAfterMs * 1.5));
      let deltas = '';
      let isWhole = false;
      for await (const chunk of stream) {
        if (chunk.type !== 'text-delta') continue;
        deltas += chunk.delta;
        if (!deltas.endsWith('2999 ') || isWhole) continue;
        isWhole = true;
        call.say('end');
        call.finish();
      }
      expect(deltas).toBe(`${Array.from({ length: 3000 }, (_, index) => `${index} `).join('')}end`);
    },
  );
});

describe('stop', () => {
  it('ends the run on the server at once', async () => {
    const world = new World();
    const chat = world.device().chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('part');
    await until(() => texts(chat).at(-1)?.includes('part'));
    await chat.stop();
    await sent;
    expect(chat.status).toBe('ready');
    await until(() => call.signal.aborted);
    await until(() => world.finished.length === 1);
    expect(world.finished[0]?.outcome).toBe('cancel');
  });

  it('holds when it comes before the server has begun', async () => {
    const world = new World();
    const device = world.device();
    device.network.http = 'down';
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    await until(() => device.network.requests.length > 0);
    await chat.stop();
    await sent;
    device.network.http = 'up';
    await until(
      () => world.finished.length > 0,
      () => device.network.requests,
    );
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['cancel']);
    expect(world.model.calls).toHaveLength(0);
  });

  it('holds, although a synchronized chat goes on with another run at the same moment', async () => {
    const world = new World();
    const device = world.device();
    device.network.intercept = (request) => (request.url.endsWith('/api/chat') ? never(request) : undefined);
    const stop = new AbortController();
    const sending = device.transport.sendMessages({
      chatId: 'c',
      trigger: 'submit-message',
      messageId: undefined,
      messages: [{ id: 'u', role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
      abortSignal: stop.signal,
    });
    const isAsked = (route: string) => device.network.requests.includes(`POST /api/chat${route}`);
    await until(() => isAsked(''));
    stop.abort();
    const metadata = new ResumeOf('another');
    const resumed = expect(device.transport.reconnectToStream({ chatId: 'c', metadata })).rejects.toThrow(
      /no answer with the run id/,
    );
    await expect(sending).rejects.toThrow(/abort/);
    await until(() => isAsked('/c/command'));
    await resumed;
  });

  it('is repeated until the server has it', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    device.cut();
    await chat.stop();
    await sent;
    expect(call.signal.aborted).toBe(false);
    device.restore();
    await until(() => call.signal.aborted, undefined, 3000);
  });

  it('is repeated where the server could not do it', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.chat('c');
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    const refusal = { error: { code: 'provider-failed', message: 'The log did not answer.' } };
    let refusals = 2;
    device.network.intercept = (request) =>
      request.url.includes('/command') && refusals-- > 0
        ? Promise.resolve(Response.json(refusal, { status: 500 }))
        : undefined;
    expect(await device.transport.cancel({ chatId: 'c' })).toEqual({ outcome: 'delivered' });
    expect(call.signal.aborted).toBe(true);
  });

  it('only detaches where the app says so', async () => {
    const world = new World();
    const chat = world.device({ onAbort: 'detach' }).chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    await chat.stop();
    await sent;
    call.say('on and on');
    call.finish();
    await until(() => world.finished.length === 1);
    expect(world.finished[0]?.outcome).toBe('finish');
  });

  it('of a finished answer does nothing', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    (await world.model.call()).finish();
    await sent;
    await chat.stop();
    const sentinel = await device.transport.cancel({ chatId: 'c' });
    expect(sentinel).toEqual({ outcome: 'not-delivered', reason: 'ended' });
    expect(device.network.requests.filter((request) => request.includes('/command'))).toHaveLength(1);
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['finish']);
  });
});

describe('a reload', () => {
  it('in mid-answer misses nothing and starts nothing', async () => {
    const world = new World();
    const first = world.device();
    const before = first.chat('c');
    void before.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one two ');
    await until(() => texts(before).at(-1)?.includes('two'));
    first.transport.close();
    const reloaded = world.device().chat('c', { messages: before.messages.slice(0, 1) });
    const resumed = reloaded.resumeStream();
    await until(
      () => texts(reloaded).at(-1)?.includes('two'),
      () => texts(reloaded),
    );
    call.say('three');
    call.finish();
    await resumed;
    expect(texts(reloaded)).toEqual(['user: hi', 'assistant: one two three']);
    expect(nonces(reloaded)).toEqual([call.nonce]);
    expect(world.model.calls).toHaveLength(1);
  });

  it('just after the end still shows the answer, once', async () => {
    const world = new World();
    const chat = world.device().chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('done');
    call.finish();
    await sent;
    const reloaded = world.device().chat('c', { messages: chat.messages.slice(0, 1) });
    await reloaded.resumeStream();
    expect(texts(reloaded)).toEqual(texts(chat));
    const { messages } = reloaded;
    await reloaded.resumeStream();
    expect(reloaded.messages).toBe(messages);
  });

  it('before the first word, over HTTP, waits for nothing but the word', async () => {
    const world = new World({ respond: () => new Promise(() => {}) });
    void world.device().chat('c').sendMessage({ text: 'hi' });
    await until(async () => (await world.log.state('c')).active);
    const clock = new TestClock();
    const network = new Network();
    const transport = new RealtimeChatTransport({ clock, fetch: network.fetch(() => world.handler) });
    onTestFinished(() => transport.close());
    // No time passes: a pause before the next request would not end.
    clock.stop();
    onTestFinished(syncChat(new Chat<UIMessage>({ id: 'c', transport }), transport));
    await until(
      () => network.requests.some((request) => /run=.*follow=1$/.test(request)),
      () => network.requests,
    );
  });

  it('under StrictMode, which mounts twice, is no stop', async () => {
    const world = new World();
    const chat = world.device().chat('c');
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    const reloaded = world.device().chat('c');
    void reloaded.resumeStream();
    void reloaded.stop();
    const resumed = reloaded.resumeStream();
    await until(
      () => texts(reloaded).at(-1)?.includes('one'),
      () => texts(reloaded),
    );
    // Hot reload: the same in the middle of the stream.
    void reloaded.stop();
    const again = reloaded.resumeStream();
    call.say('two');
    call.finish();
    await Promise.all([resumed, again]);
    expect(texts(reloaded).at(-1)).toBe('assistant: one two');
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['finish']);
  });

  it('that takes the place of an earlier one is no stop, where `syncChat` has chosen the run', async () => {
    const world = new World();
    void world.device().chat('c').sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    const device = world.device();
    const reloaded = device.chat('c');
    const resumed = reloaded.resumeStream();
    const shows = (text: string) =>
      until(
        () => texts(reloaded).at(-1) === text,
        () => texts(reloaded),
      );
    await shows('assistant: one ');
    const { runId } = (await world.log.state('c')).active ?? { runId: '' };
    const again = reloaded.resumeStream({ metadata: new ResumeOf(runId) });
    await resumed;
    call.say('two');
    await shows('assistant: one two');
    // A cancel would have left before the stream was opened again.
    expect(device.network.requests.filter((request) => request.endsWith('/command'))).toEqual([]);
    call.finish();
    await again;
  });

  it('asks for what there is before it sets up a socket', async () => {
    const order: string[] = [];
    const transport = new RealtimeChatTransport({
      api: 'http://test.local/api/chat',
      fetch: async () => {
        order.push('request');
        return new Response(null, { status: 204, headers: { 'x-chat-turn': '0' } });
      },
      subscriber: { name: 'test', subscribe: () => void order.push('socket') },
    });
    await transport.reconnectToStream({ chatId: 'c' });
    await until(
      () => order.length === 2,
      () => order,
    );
    expect(order).toEqual(['request', 'socket']);
    transport.close();
  });

  it('of a chat without a run resumes nothing', async () => {
    const chat = new World().device().chat('c');
    await chat.resumeStream();
    expect(chat.status).toBe('ready');
    expect(chat.messages).toEqual([]);
  });
});

describe('bad input', () => {
  it('is refused with the code of the server', async () => {
    const world = new World({ authorize: ({ action }) => action !== 'send' });
    const chat = world.device().chat('c');
    await chat.sendMessage({ text: 'hi' });
    expect(chat.error).toMatchObject({ code: 'forbidden', retryable: false });
    expect(texts(chat)).toEqual(['user: hi']);
  });

  it('refuses a chat id that would leave the address', async () => {
    const chat = new World().device().chat('../x');
    await chat.sendMessage({ text: 'hi' });
    expect(chat.error).toMatchObject({ code: 'invalid-id' });
  });

  it('drops forged and malformed frames of the channel and goes on', async () => {
    const world = new World();
    const device = world.device();
    const chat = device.chat('c');
    const sent = chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('one ');
    await until(() => texts(chat).at(-1)?.includes('one'));
    const [entry] = world.service.listeners;
    for (const data of [
      '{',
      '[]',
      '{"v":1}',
      '{"v":1,"run":"x","turn":1,"at":0,"next":1,"chunks":[{}]}',
      'null',
      '{"v":1,"run":"../x","turn":1,"at":0,"next":1}',
    ]) {
      entry?.listener.onMessage(data);
    }
    entry?.listener.onMessage(
      JSON.stringify({
        v: 1,
        run: 'other',
        turn: 1,
        at: 0,
        next: 1,
        chunks: [{ type: 'text-delta', id: '0', delta: 'forged' }],
      }),
    );
    call.say('two');
    call.finish();
    await sent;
    expect(texts(chat).at(-1)).toBe('assistant: one two');
    expect(device.events.filter(({ type }) => type === 'malformed-frame')).toHaveLength(6);
  });
});

it('close ends streams, subscriptions and waiting', async () => {
  const world = new World();
  const device = world.device();
  const chat = device.chat('c');
  const sent = chat.sendMessage({ text: 'hi' });
  const call = await world.model.call();
  call.say('one');
  await until(() => texts(chat).at(-1)?.includes('one'));
  device.transport.close();
  device.transport.close();
  await sent;
  expect(idle(chat)).toBe(true);
  expect(world.service.listeners.size).toBe(0);
  expect(call.signal.aborted).toBe(false);
});
