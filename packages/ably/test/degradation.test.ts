import { BrowserPage, type TestChat } from '@chat-transport/contract';
import { until } from '@chat-transport/local-services';
import { expect, it, onTestFinished } from 'vitest';
import { type ChatApp, openPage, type Page, serveChat } from './support/chat-app.ts';

const shows = (chat: TestChat, words: string): Promise<unknown> =>
  until(
    `"${words}"`,
    () => chat.text.includes(words),
    () => chat.seen,
  );
const reaches = (page: Page, ...paths: string[]): Promise<unknown> =>
  until(
    `the path ${paths.join(' or ')}`,
    () => paths.includes(page.path('c') ?? ''),
    () => page.events,
  );

/** A page that watches, and one that asks; both over realtime. */
async function both(app: ChatApp) {
  const [asking, watching] = [openPage(app), openPage(app)];
  const [asks, watches] = [asking.open('c'), watching.open('c')];
  await Promise.all([reaches(asking, 'realtime'), reaches(watching, 'realtime')]);
  const done = asks.sendMessage({ text: 'hi' });
  return { asking, watching, asks, watches, done, call: await app.model.call() };
}

it('brings the sender its answer once: where realtime is live, the POST has no answer in its body', async () => {
  const statuses: number[] = [];
  const app = await serveChat();
  const counting: typeof fetch = async (...call) => {
    const response = await fetch(...call);
    if (call[1]?.method === 'POST' && String(call[0]).endsWith('/api/chat')) statuses.push(response.status);
    return response;
  };
  const page = openPage(app, { fetch: counting });
  const chat = page.open('c');
  await reaches(page, 'realtime');
  const done = chat.sendMessage({ text: 'hi' });
  const call = await app.model.call();
  call.say('only once');
  await shows(chat, 'only once');
  call.finish();
  await done;
  expect(statuses).toEqual([202]);
  expect(page.path('c')).toBe('realtime');
});

it.each(['connectionPublishesPerSecond', 'channelPublishesPerSecond'] as const)(
  'writes an answer to its end where Ably refuses publishes (%s), and shows all of it',
  async (limit) => {
    const app = await serveChat({ emulator: { limits: { [limit]: 4 } }, ably: { publishesPerSecond: 1000 } });
    const { asks, watches, done, call } = await both(app);
    for (let index = 0; index < 40; index += 1) {
      call.paragraph();
      call.say(`${index} `);
      await call.drained();
    }
    call.finish();
    await done;
    await until(
      'an idle chat',
      () => watches.isIdle && watches.text.includes('39'),
      () => watches.seen,
    );
    expect(watches.texts).toEqual(asks.texts);
    expect(asks.text).toContain('39');
    expect(app.client.connection.state).toBe('connected');
  },
);

it('publishes again after Ably has cut the server’s connection off (42921)', async () => {
  const app = await serveChat();
  const { watching, watches, done, call } = await both(app);
  call.say('before ');
  await shows(watches, 'before');
  app.emulator.failConnections();
  await until('a failed connection', () => app.client.connection.state === 'failed');
  call.say('after ');
  await shows(watches, 'after');
  await until('a new connection', () => app.client.connection.state === 'connected');
  call.finish();
  await done;
  expect(watching.events.filter(({ type }) => type === 'realtime-failed')).toHaveLength(1);
});

it('goes on over HTTP when Ably has cut the page off, and returns with the next message', async () => {
  const app = await serveChat();
  const { watching, watches, done, call, asks, asking } = await both(app);
  app.emulator.failConnections();
  await reaches(watching, 'sse', 'poll');
  call.say('over HTTP ');
  await shows(watches, 'over HTTP');
  call.finish();
  await done;
  const again = asks.sendMessage({ text: 'again' });
  await reaches(asking, 'realtime');
  (await app.model.call(1)).finish();
  await again;
});

it('shows everything where Ably has dropped messages above the rate of a connection', async () => {
  const app = await serveChat({ emulator: { limits: { deliveriesPerSecond: 5 } } });
  const { asks, watches, done, call } = await both(app);
  for (let index = 0; index < 30; index += 1) {
    call.paragraph();
    call.say(`${index} `);
    await call.drained();
  }
  call.finish();
  await done;
  await until(
    'the whole answer',
    () => watches.isIdle && watches.text.includes('29'),
    () => watches.seen,
  );
  expect(watches.texts).toEqual(asks.texts);
});

it('reads the log after a silence, in which a message may have been lost without a word', async () => {
  const app = await serveChat({ ably: { publishesPerSecond: 1000 }, emulator: { limits: { maxMessageBytes: 10 } } });
  const page = openPage(app, { checkAfterMs: 300 });
  const chat = page.open('c');
  await reaches(page, 'realtime');
  // Ably refuses every message, and nobody is told.
  const started = await app.handler.runtime.start({
    chatId: 'c',
    messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'x'.repeat(1000) }] }],
  });
  const call = await app.model.call();
  call.finish();
  await started.done;
  await until(
    'the conversation',
    () => chat.texts.length === 2,
    () => chat.seen,
  );
});

it('connects at once when the page is shown again, and again after the app has closed the connection', async () => {
  const page = BrowserPage.open();
  onTestFinished(() => page.close());
  const app = await serveChat();
  const device = openPage(app, {}, { suspendedRetryTimeout: 60_000, disconnectedRetryTimeout: 60_000 });
  const chat = device.open('c');
  await reaches(device, 'realtime');
  page.hide();
  let losses = 0;
  device.client.connection.on('disconnected', () => losses++);
  await app.emulator.kill();
  // Ably's client tries once at once. Its next attempt is a minute away.
  await until('a second attempt that failed', () => losses > 1);
  await app.emulator.start();
  page.show();
  await reaches(device, 'realtime');
  device.client.close();
  await until('a failure', () => device.events.some(({ type }) => type === 'realtime-failed'));
  const done = chat.sendMessage({ text: 'hi' });
  await reaches(device, 'realtime');
  (await app.model.call()).finish();
  await done;
});

it('publishes over REST, one message after the other, for runtimes without sockets', async () => {
  const app = await serveChat({ rest: true });
  const { asks, watches, watching, done, call } = await both(app);
  for (let index = 0; index < 20; index += 1) {
    call.say(`${index} `);
    await call.drained();
  }
  await shows(watches, '19 ');
  expect(watching.path('c')).toBe('realtime');
  call.finish();
  await done;
  await until('an idle chat', () => watches.isIdle);
  expect(watches.texts).toEqual(asks.texts);
  expect(app.emulator.counts.published).toBeGreaterThan(3);
});
