import type { ModelCall } from '@chat-transport/contract';
import { until } from '@chat-transport/local-services';
import { DefaultChatTransport, type UIMessageChunk } from 'ai';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';
import { type ServedApp, serveApp } from '../test/support/served-app.ts';

let service: PushpinService;
beforeAll(async () => {
  service = await startPushpinService();
});
afterAll(() => service.close());

const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };

/** A chat of its own whose answer has begun, and its address through the proxy. */
async function begun(app: ServedApp): Promise<{ chatId: string; url: string; call: ModelCall }> {
  const chatId = crypto.randomUUID();
  await app.handler.runtime.start({ chatId, messages: [message] });
  const call = await app.model.call();
  call.say('one ');
  await until(
    'a published word',
    () => app.published.some((data) => data.includes('one ')),
    () => app.published,
  );
  return { chatId, url: `http://127.0.0.1:${service.pushpin.port}/api/chat/${chatId}/stream`, call };
}

/**
 * Waits until published words reach a stream that was opened: about a second after Pushpin holds it, it asks the link once, also when nothing was
 * published. After that, words cause no request.
 */
async function subscribed({ requests }: ServedApp): Promise<void> {
  const links = (): string[] => requests.filter((request) => request.includes('&session='));
  await until('the question after the subscription', () => links().length === 1, links);
}

/** Reads a response as it comes. */
function reading(response: Response): { text: string; isOver: boolean; count(part: string): number } {
  const reading = { text: '', isOver: false, count: (part: string) => reading.text.split(part).length - 1 };
  const add = (text: string): void => {
    reading.text += text;
  };
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  void response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: add }), { signal: controller.signal })
    .then(
      () => {
        reading.isOver = true;
      },
      () => {},
    );
  return reading;
}

type OnTheWay = (publish: () => Promise<void>) => Promise<void>;

const twice: OnTheWay = async (publish) => {
  await publish();
  await publish();
};

/** Each second message overtakes the one before. */
function swapped(): OnTheWay {
  let held: (() => Promise<void>) | undefined;
  return async (publish) => {
    const first = held;
    held = first ? undefined : publish;
    if (!first) return;
    await publish();
    await first();
  };
}

async function reads(reading: { text: string }, part: string): Promise<void> {
  await until(
    `"${part}"`,
    () => reading.text.includes(part),
    () => reading.text,
  );
}

test('a stock client that reloads gets what the log has, the rest through the proxy, and the end; the function holds no connection', async () => {
  const app = await serveApp(service);
  const { chatId, call } = await begun(app);
  const stock = new DefaultChatTransport({ api: `http://127.0.0.1:${service.pushpin.port}/api/chat` });
  const stream = await stock.reconnectToStream({ chatId });
  const chunks: UIMessageChunk[] = [];
  const done = stream?.pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
  const text = (): string => chunks.map((chunk) => (chunk.type === 'text-delta' ? chunk.delta : '')).join('');
  await until('what the log has', () => text() === 'one ', text);
  await subscribed(app);
  await until('no open socket', async () => (await app.openSockets()) === 0);
  const requests = app.requests.length;
  for (const word of ['two ', 'three ', 'four ']) {
    call.say(word);
    await until(word, () => text().endsWith(word), text);
  }
  expect(app.requests.slice(requests)).toEqual([]);
  call.finish();
  await done;
  expect(text()).toBe('one two three four ');
  expect(chunks.at(-1)?.type).toBe('finish');
  // The end is the only thing that the proxy asks for.
  expect(app.requests.slice(requests)).toHaveLength(1);
});

test('a stock client sees that an answer was stopped', async () => {
  const app = await serveApp(service);
  const { chatId, call, url } = await begun(app);
  const reader = reading(await fetch(url));
  await reads(reader, 'one ');
  const runId = (await fetch(`${app.direct}/${chatId}`).then((response) => response.json())).active.runId;
  const body = JSON.stringify({ id: 's', runId, type: 'cancel' });
  await fetch(`${app.direct}/${chatId}/command`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  await until('a stopped model', () => call.aborted);
  await until(
    'the end',
    () => reader.isOver,
    () => reader.text,
  );
  expect(reader.text).toContain('{"type":"abort"}');
  expect(reader.text).toContain('data: [DONE]');
});

test('a reader that follows the chat gets the end of one run, and the next one, over one held stream', async () => {
  const app = await serveApp(service);
  const { chatId, call, url } = await begun(app);
  const reader = reading(await fetch(`${url}?follow=0`));
  await reads(reader, 'one ');
  call.say('two ');
  await reads(reader, 'two ');
  call.finish();
  await reads(reader, '"reason":"finish"');
  const again = { ...message, id: 'm2' };
  await app.handler.runtime.start({ chatId, messages: [message, again] });
  const next = await app.model.call(1);
  next.say('three ');
  await reads(reader, 'three ');
  next.finish();
  await until(
    'both ends',
    () => reader.count('"reason":"finish"') === 2,
    () => reader.text,
  );
  expect([reader.isOver, ...['one ', 'two ', 'three ', '"start":'].map((part) => reader.count(part))]).toEqual([
    false,
    1,
    1,
    1,
    2,
  ]);
});

test('a reader of one run and one that follows the chat get ends of their own, also where the proxy asks for both at once', async () => {
  const app = await serveApp(service);
  const { call, url } = await begun(app);
  const [one, following] = [reading(await fetch(url)), reading(await fetch(`${url}?follow=0`))];
  await Promise.all([one, following].map((reader) => reads(reader, 'one ')));
  call.say('two ');
  await Promise.all([one, following].map((reader) => reads(reader, 'two ')));
  call.finish();
  await until(
    'the end of the run',
    () => one.isOver,
    () => [one.text, following.text],
  );
  await reads(following, '"reason":"finish"');
  expect([one.count('data: [DONE]'), one.count('event: frame'), following.isOver]).toEqual([1, 0, false]);
});

test('a long-poll waits at the proxy, and is answered with the next message', async () => {
  const app = await serveApp(service);
  const { url, call } = await begun(app);
  const isAnswered = async (part: string): Promise<boolean> =>
    app.requests.some((request) => request.includes(part)) && (await app.openSockets()) === 0;
  const first = await fetch(`${url}?wait=5000`);
  const seen = await first.text();
  expect(seen).toContain('one ');
  const [, run, next] = /id: ([\w-]+):(\d+)\n(?![\s\S]*\nid:)/.exec(seen) ?? [];
  const poll = fetch(`${url}?run=${run}&from=${next}&wait=20000`);
  await until('a poll that the function has answered', () => isAnswered(`from=${next}&wait=20000`));
  call.say('two ');
  const answer = await poll;
  expect(answer.headers.get('x-chat-run-id')).toBe(run);
  const text = await answer.text();
  expect(text).toContain('two ');
  expect(text).not.toContain('one ');

  const [, , later] = /id: ([\w-]+):(\d+)/.exec(text) ?? [];
  const last = fetch(`${url}?run=${run}&from=${later}&wait=20000`);
  await until('a poll that the function has answered', () => isAnswered(`from=${later}`));
  call.finish();
  await expect(last.then((response) => response.text())).resolves.toContain('"type":"text-end"');
});

test('a long-poll that nothing comes for is answered empty, in time', async () => {
  const app = await serveApp(service);
  const { url } = await begun(app);
  const seen = await (await fetch(`${url}?wait=0`)).text();
  const [, run, next] = /id: ([\w-]+):(\d+)\n(?![\s\S]*\nid:)/.exec(seen) ?? [];
  const text = await (await fetch(`${url}?run=${run}&from=${next}&wait=1000`)).text();
  expect(text).not.toContain('data:');
});

describe('messages on the way to the proxy', () => {
  test('that are lost, the next message or the link repairs', async () => {
    const app = await serveApp(service, { fanout: { linkTimeoutMs: 1000 } });
    const { url, call } = await begun(app);
    const reader = reading(await fetch(url));
    await reads(reader, 'one ');
    service.publishing.set({ refuse: true });
    call.say('two ');
    await call.drained();
    // Nothing follows it: the proxy asks after a second without messages.
    await reads(reader, 'two ');
    service.publishing.restore();
    call.say('three ');
    await reads(reader, 'three ');
    call.finish();
    await until(
      'the end',
      () => reader.isOver,
      () => reader.text,
    );
    expect(['one ', 'two ', 'three ', '[DONE]'].map((part) => reader.count(part))).toEqual([1, 1, 1, 1]);
  });

  const words = Array.from({ length: 20 }, (_, index) => `w${index} `);

  test.each([
    ['that arrive twice, a stock client gets once', twice],
    ['that arrive in another order, a stock client gets in order', swapped()],
  ])('%s', async (_what, change) => {
    let isChanging = false;
    const onTheWay: OnTheWay = (publish) => (isChanging ? change(publish) : publish());
    const app = await serveApp(service, { onTheWay, fanout: { linkTimeoutMs: 5000 } });
    const { chatId, call } = await begun(app);
    const stock = new DefaultChatTransport({ api: `http://127.0.0.1:${service.pushpin.port}/api/chat` });
    const stream = await stock.reconnectToStream({ chatId });
    let text = '';
    const done = stream?.pipeTo(
      new WritableStream({
        write(chunk) {
          if (chunk.type === 'text-delta') text += chunk.delta;
        },
      }),
    );
    await reads(
      {
        get text() {
          return text;
        },
      },
      'one ',
    );
    await subscribed(app);
    isChanging = true;
    for (const word of words) {
      call.say(word);
      // A message of its own for each word.
      await until(`a message with "${word}"`, () => app.published.some((data) => data.includes(word)));
    }
    call.finish();
    await done;
    expect(text).toBe(['one ', ...words].join(''));
  });
});
