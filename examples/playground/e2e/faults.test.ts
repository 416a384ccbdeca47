import type { Request } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { type Device, sameOnBoth } from './device.ts';
import { startHostProxy } from './host-proxy.ts';
import { setStage } from './stage.ts';

const stage = setStage();

const isSend = (request: Request): boolean =>
  request.method() === 'POST' && new URL(request.url()).pathname === '/api/chat';

/** The requests of a page, from here on. */
function requestsOf({ page }: Device): Request[] {
  const requests: Request[] = [];
  page.on('request', (request) => requests.push(request));
  return requests;
}

test('a page behind a proxy that rewrites Host shows once why the server refuses its sockets, and chats over HTTP', async () => {
  const chatId = stage.chatId();
  const proxy = await startHostProxy(stage.server.url);
  onTestFinished(() => proxy.close());
  const [device, other] = await Promise.all([stage.open(chatId, {}, proxy.url), stage.open(chatId)]);
  await device.shows('path', 'sse');
  await device.press('Inspect');
  await device.send('Are you there? /rate 300');
  await other.readsText('Are you there?');
  expect(await sameOnBoth(device, other)).toHaveLength(2);
  // More than it takes to report a refusal whose reason nothing says.
  await expect.poll(() => proxy.handshakes, { timeout: 20_000 }).toBeGreaterThan(4);
  const failures = device.page.locator('.event').filter({ hasText: 'realtime-failed' });
  expect(await failures.allTextContents()).toEqual([
    `realtime-failed The origin ${proxy.url} may not connect: add it to \`allowedOrigins\`. `,
  ]);
  expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
});

test('a large message whose upload is slow is delivered once, however long it takes', async () => {
  const chatId = stage.chatId();
  const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
  const { page } = device;
  await device.takeClock();
  const image = Buffer.alloc(1_000_000);
  await page.getByLabel(/^Attach images/).setInputFiles([{ name: 'cat.png', mimeType: 'image/png', buffer: image }]);
  const network = await page.context().newCDPSession(page);
  const limit = (uploadThroughput: number) =>
    network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  await limit(20_000);
  const requests = requestsOf(device);
  await Promise.all([page.waitForRequest(isSend), device.send('What is it? /rate 300')]);
  // A request that is silent for so long counts as dead, unless it uploads.
  await page.clock.fastForward(40_000);
  expect(await other.messages()).toEqual([]);
  await limit(-1);
  await other.readsText('You sent me a file: cat.png.');
  expect(await sameOnBoth(device, other)).toHaveLength(2);
  expect(requests.filter(isSend)).toHaveLength(1);
  expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
});

test('an app’s own error, and a refusal by what is no chat server, are shown at once and as they are', async () => {
  const chatId = stage.chatId();
  const [device, other] = await Promise.all([
    stage.open(chatId, {}, `${stage.server.url}/e2e/own-app.html`),
    stage.open(chatId),
  ]);
  const { page } = device;
  const requests = requestsOf(device);
  await page.evaluate(() => sessionStorage.setItem('headers-error', '"Your session has ended."'));
  await device.send('First /rate 300');
  await device.marked('Not sent. Your session has ended.');
  expect(requests.filter(isSend)).toEqual([]);
  const banner = page.getByRole('alert').filter({ hasText: /^Not connected\. .*: Your session has ended\./ });
  await banner.waitFor();
  await page.evaluate(() => sessionStorage.removeItem('headers-error'));

  const headers = { 'access-control-allow-origin': '*' };
  await page.route(/\/api\/chat\?tenant=a$/, (route) => route.fulfill({ status: 404, headers, body: 'Not found' }), {
    times: 1,
  });
  await device.press('Send again');
  await device.marked('Not sent. Not found');
  await device.press('Send again');
  await other.readsText('First');
  await banner.waitFor({ state: 'detached' });
  expect(await sameOnBoth(device, other)).toHaveLength(2);

  // Its `api` has a slash at its end, and a query: each request goes to its route, with the query.
  await device.breaks('Refuse WebSockets');
  await device.send('Tell me a story /tokens 3000 /rate 50');
  await device.reads(100);
  await device.press('Stop');
  expect(await sameOnBoth(device, other)).toHaveLength(4);
  const addresses = requests.map((request) => new URL(request.url())).filter(({ pathname }) => /^\/api/.test(pathname));
  const route = new RegExp(`^/api/chat(/${chatId}(/stream|/command)?|/auth)?$`);
  for (const { pathname, searchParams } of addresses) {
    expect(pathname).toMatch(route);
    expect(searchParams.get('tenant')).toBe('a');
  }
  expect(addresses.map(({ pathname }) => pathname)).toEqual(
    expect.arrayContaining(['/api/chat', '/api/chat/auth', `/api/chat/${chatId}/command`]),
  );
});

test('an answer that goes on by itself without end is stopped with an error, also when the clock is set back by two hours', async () => {
  const chatId = stage.chatId();
  const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
  await device.takeClock();
  await device.send('Read my page /client-tool /again /rate 2000');
  await other.tool(7).waitFor();
  await device.page.clock.setSystemTime(Date.now() - 2 * 3_600_000);
  await other.tool(16).waitFor();
  await device.marked(/^Your answer was not sent\. This chat continued its answer 25 times in a row by itself/);
  expect((await stage.server.modelCalls(chatId)).calls).toBe(26);
  await device.send('That is enough /rate 300');
  await other.readsText('That is enough');
  expect(await sameOnBoth(device, other)).toHaveLength(4);
});

test('texts that steer an answer around a cut of the network reach it in the order in which they were given', async () => {
  const chatId = stage.chatId();
  const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
  // Steps that are short, one after another: each one takes up what has arrived.
  const words = '/tool /again /rate 4';
  const texts = ['First', 'Second', 'Third', 'Fourth'].map((text) => `${text} ${words}`);
  await device.send(`Look it up ${words}`);
  await other.tool(0).waitFor();
  await device.cut('closed');
  for (const text of texts.slice(0, 3)) await device.steer(text);
  await device.restore();
  await device.steer(texts.at(-1) ?? '');
  const steering = (): Promise<string[]> => other.page.locator('.message .steering').allTextContents();
  await expect.poll(async () => (await steering()).length, { timeout: 20_000 }).toBe(texts.length);
  expect(await steering()).toEqual(texts);
  expect(await device.page.getByTestId('note').count()).toBe(0);

  // A stop and the next message, too.
  await device.cut('closed');
  await device.press('Stop');
  await device.send('Something else /rate 300');
  await device.restore();
  await other.readsText('Something else');
  const messages = await sameOnBoth(device, other);
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
  await other.marked('Stopped.');
});

test('an idle device shows what the log has, where the log has lost what it knew', async () => {
  const chatId = stage.chatId();
  const device = await stage.open(chatId);
  for (const text of ['One', 'Two']) {
    await device.send(`${text} /rate 300`);
    await device.readsText(text);
    await device.shows('status', 'ready');
  }
  await stage.server.loseChats();
  const other = await stage.open(chatId);
  await other.send('After the loss /rate 300');
  await device.readsText('After the loss');
  expect(await sameOnBoth(device, other)).toHaveLength(2);
});
