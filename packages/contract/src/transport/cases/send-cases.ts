import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { until } from '../../stage/wait.ts';

/** Waits that do not end in a page whose time is hurried. */
const patient = { firstByteMs: 600_000, stallMs: 600_000, silenceMs: 600_000, sendMs: 600_000 };

/** Sends that meet a busy chat, a broken network, or an app with options of its own. */
export const sendCases: readonly ProviderCase[] = [
  {
    id: 'send/once',
    title: 'asks the model once when the answer to the question was lost on the way',
    async run(stage) {
      const device = await stage.device();
      device.dropRealtime();
      device.http.set({ down: { blackHole: true } });
      const chat = device.chat('c');
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      device.http.reset();
      device.http.restore();
      call.say('only once');
      call.finish();
      await done;
      expect(chat.texts).toEqual(['user: hi', 'assistant: only once']);
      expect(stage.server.requests.filter((each) => each === 'POST /api/chat').length).toBeGreaterThan(1);
      stage.expectInStep(chat);
    },
  },
  {
    id: 'send/once-regenerated',
    title: 'asks the model once for another answer when the first word of it was lost on the way',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      call.say('the first');
      call.finish();
      await done;
      device.dropRealtime();
      device.http.set({ down: { blackHole: true } });
      const again = chat.regenerate();
      const second = await stage.model.call(1);
      device.http.reset();
      device.http.restore();
      second.say('the second');
      second.finish();
      await again;
      expect(chat.texts).toEqual(['user: hi', 'assistant: the second']);
      expect(stage.model.calls).toHaveLength(2);
      expect(stage.server.requests.filter((each) => each === 'POST /api/chat').length).toBeGreaterThan(2);
    },
  },
  {
    id: 'send/offline',
    title: 'sends what was written without a network, once it is back',
    async run(stage) {
      const device = await stage.device();
      device.goOffline();
      const chat = device.chat('c');
      const done = chat.sendMessage({ text: 'hi' });
      await until('a failed attempt', () => device.events.some(({ type }) => type === 'http-failed'));
      device.goOnline();
      const call = await stage.model.call();
      call.say('here');
      call.finish();
      await done;
      expect(chat.texts).toEqual(['user: hi', 'assistant: here']);
      stage.expectInStep(chat);
    },
  },
  {
    id: 'send/slow-upload',
    title: 'sends a large message over a slow network once, however long it takes',
    async run(stage) {
      const device = await stage.device({ timings: { sendMs: 500 } });
      device.http.set({ up: { bytesPerSecond: 128 * 1024 } });
      const chat = device.chat('c');
      const done = chat.sendMessage({ text: 'x'.repeat(256 * 1024) });
      const call = await stage.model.call();
      call.say('read it');
      call.finish();
      await done;
      expect(chat.texts.at(-1)).toBe('assistant: read it');
      expect(device.events.filter(({ type }) => type === 'http-failed')).toEqual([]);
      expect(stage.server.requests.filter((each) => each === 'POST /api/chat')).toHaveLength(1);
    },
  },
  {
    id: 'send/app-error',
    title: 'shows a mistake in the app’s own headers at once, and sends nothing',
    async run(stage) {
      const mistake = new TypeError('Cannot read properties of undefined');
      const device = await stage.device({
        headers: () => {
          throw mistake;
        },
      });
      const chat = device.chat('c');
      const from = performance.now();
      await chat.sendMessage({ text: 'hi' });
      expect(chat.error).toBe(mistake);
      expect(performance.now() - from).toBeLessThan(5000);
      expect(stage.server.requests.filter((each) => each === 'POST /api/chat')).toEqual([]);
    },
  },
  {
    id: 'send/expired-token',
    title: 'sends again with a new token when the old one has expired',
    server: {
      authorize: ({ request }) =>
        request.headers.get('authorization') === 'old' ? new Response('Expired.', { status: 401 }) : true,
    },
    async run(stage) {
      let isExpired = true;
      const device = await stage.device({
        headers: () => {
          const authorization = isExpired ? 'old' : 'new';
          isExpired = false;
          return { authorization };
        },
      });
      const chat = device.chat('c');
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('hello');
      call.finish();
      await done;
      expect(chat.error).toBeUndefined();
      expect(chat.texts).toEqual(['user: hi', 'assistant: hello']);
    },
  },
  {
    id: 'send/only-new',
    title: 'sends the new message alone, however long the conversation is',
    async run(stage) {
      const bodies: string[] = [];
      const { chat, call, done } = await stage.sent('a long story', {
        fetch: (input, init) => {
          if (init?.method === 'POST') bodies.push(String(init.body));
          return globalThis.fetch(input, init);
        },
      });
      call.say('indeed ');
      call.finish();
      await done;
      void chat.sendMessage({ text: 'and now?' });
      const next = await stage.model.call(1);
      const sent = bodies.filter((body) => body.includes('and now?'));
      expect(sent).toHaveLength(1);
      expect(sent[0]).not.toMatch(/a long story|indeed/);
      expect(next.input.messages).toHaveLength(3);
      next.finish();
      await until('an idle chat', () => chat.isIdle);
    },
  },
  {
    id: 'send/automatic-end',
    title: 'ends automatic sends that would go on for ever, with an error that explains it',
    async run(stage) {
      const device = await stage.device({ timings: patient });
      const chat = device.chat('c', { sendAutomaticallyWhen: () => true });
      device.clock.hurry(5);
      void chat.sendMessage({ text: 'hi' });
      for (let index = 0; chat.error === undefined; index += 1) {
        await until(
          'the next send, or an error',
          () => stage.model.calls.length > index || chat.error,
          () => [stage.model.calls.length, chat.seen],
        );
        expect(index).toBeLessThan(50);
        stage.model.calls[index]?.finish();
      }
      expect(chat.error).toMatchObject({ code: 'rate-limited', retryable: false });
    },
  },
  {
    id: 'send/busy-reject',
    title: 'refuses a second question while an answer is on its way, and loses neither',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      const other = (await stage.device()).chat('c');
      await other.sendMessage({ text: 'me too' });
      expect(other.error).toMatchObject({ code: 'busy', retryable: true });
      expect(other.texts.at(-1)).toBe('user: me too');
      call.say('first');
      call.finish();
      await done;
      stage.expectInStep(chat);
    },
  },
  {
    id: 'send/busy-interrupt',
    title: 'puts a second question in the place of an answer that is on its way, and keeps what was written',
    server: { onBusy: 'interrupt' },
    async run(stage) {
      const a = (await stage.device()).synced('c');
      const b = (await stage.device()).synced('c');
      void a.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('half ');
      await stage.shows(a, 'half');
      await stage.shows(b, 'half');
      void b.sendMessage({ text: 'no, this' });
      const second = await stage.model.call(1);
      expect(call.aborted).toBe(true);
      second.say('instead');
      second.finish();
      await stage.shows(a, 'instead');
      await stage.idle(a, b);
      expect(a.texts).toEqual(['user: hi', 'assistant: half ', 'user: no, this', 'assistant: instead']);
      stage.expectInStep(a, b);
    },
  },
  {
    id: 'send/busy-queue',
    title: 'lets a second question wait for its turn',
    server: { onBusy: 'queue' },
    async run(stage) {
      const a = (await stage.device()).synced('c');
      const b = (await stage.device()).synced('c');
      void a.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('first ');
      await stage.shows(b, 'first');
      const waiting = b.sendMessage({ text: 'then this' });
      await until(
        'the second question in the queue',
        () => stage.server.events.some(({ type }) => type === 'send-queued'),
        () => stage.server.events,
      );
      expect(stage.model.calls).toHaveLength(1);
      call.finish();
      const second = await stage.model.call(1);
      expect(second.input.messages).toHaveLength(3);
      second.say('second');
      second.finish();
      await waiting;
      await stage.shows(a, 'second');
      await stage.idle(a, b);
      expect(a.texts).toEqual(['user: hi', 'assistant: first ', 'user: then this', 'assistant: second']);
      stage.expectInStep(a, b);
    },
  },
  {
    id: 'send/same-instant',
    title: 'answers one of two questions that two devices send in the same instant, and loses none',
    async run(stage) {
      const errors = new Map<string, unknown>();
      const chatOf = async (name: string) =>
        (await stage.device()).synced('c', { onError: (error) => void errors.set(name, error) });
      const [a, b] = [await chatOf('from a'), await chatOf('from b')];
      void a.sendMessage({ text: 'from a' });
      void b.sendMessage({ text: 'from b' });
      const call = await stage.model.call();
      await until(
        'a refusal',
        () => errors.size > 0,
        () => [a.seen, b.seen],
      );
      const [[own, error]] = [...errors] as [[string, unknown]];
      const [winner, loser] = own === 'from a' ? [b, a] : [a, b];
      expect(error).toMatchObject({ code: 'busy' });
      call.say('answer');
      call.finish();
      await stage.idle(winner);
      await until(
        'the answer on the other device',
        () => loser.texts.includes('assistant: answer'),
        () => loser.seen,
      );
      expect(loser.texts.at(-1)).toBe(`user: ${own}`);
      expect(stage.model.calls).toHaveLength(1);
    },
  },
  {
    id: 'send/own-options',
    title: 'brings the headers, body fields and metadata of a message to the server',
    async run(stage) {
      const seen: unknown[] = [];
      stage.server = await stage.startServer({
        authorize: ({ request }) => {
          seen.push([request.headers.get('x-transport'), request.headers.get('x-call')]);
          return true;
        },
      });
      const device = await stage.device({ headers: { 'x-transport': 't' }, body: { model: 'small' } });
      const chat = device.chat('c');
      const message = { text: 'hi', metadata: { mood: 'good' } };
      const done = chat.sendMessage(message, { headers: { 'x-call': 'c' }, body: { deep: true } });
      const call = await stage.model.call();
      const { input } = call;
      expect(input.body).toEqual({ model: 'small', deep: true });
      expect(input.messages.at(-1)).toMatchObject({ metadata: { mood: 'good' } });
      expect(seen).toContainEqual(['t', 'c']);
      call.finish();
      await done;
    },
  },
];
