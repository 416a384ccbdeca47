import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { UIMessage } from 'ai';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { answeredRetryMs, slowestUploadBytesPerSecond } from '../../src/client/persist.ts';
import { type HttpOptions, RealtimeChatTransport, type RealtimeChatTransportOptions } from '../../src/index.ts';

const minuteMs = 60_000;

/** A transport whose requests are answered by `answer`; `requests` are their addresses and bodies. */
function withFetch(
  answer: (request: {
    readonly url: URL;
    readonly init: RequestInit;
    readonly count: number;
  }) => Response | Promise<Response>,
  options: Omit<RealtimeChatTransportOptions, 'fetch'> = {},
) {
  const requests: { readonly url: URL; readonly init: RequestInit }[] = [];
  const fetch: HttpOptions['fetch'] = async (address, init = {}) => {
    const url = new URL(String(address), 'http://localhost');
    requests.push({ url, init });
    return answer({ url, init, count: requests.length });
  };
  const transport = new RealtimeChatTransport({ ...options, fetch });
  onTestFinished(() => transport.close());
  const send = (text = 'hi', abortSignal?: AbortSignal) =>
    transport.sendMessages({
      chatId: 'c',
      trigger: 'submit-message',
      messageId: undefined,
      messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text }] }] as UIMessage[],
      abortSignal,
    });
  return { transport, requests, send };
}

/** A response of our server that begins the run of a send, or goes on with run `r`, and stays open. */
function begun({ init }: { readonly init: RequestInit }): Response {
  const { runId = 'r' } = init.body ? JSON.parse(String(init.body)) : {};
  return new Response(new ReadableStream(), {
    headers: { 'content-type': 'text/event-stream', 'x-chat-turn': '1', 'x-chat-run-id': runId },
  });
}

function refusal(status: number, code: string, headers?: Record<string, string>): Response {
  return Response.json({ error: { code, message: 'No.' } }, { status, ...(headers && { headers }) });
}

/** The outcome of `work` with the milliseconds of a fake clock that it took; `undefined` where it took longer than `limitMs`. */
async function timed(work: Promise<unknown>, limitMs = 5 * minuteMs) {
  const startedAt = performance.now();
  let outcome: { value?: unknown; error?: unknown; tookMs: number } | undefined;
  work.then(
    (value) => {
      outcome = { value, tookMs: performance.now() - startedAt };
    },
    (error) => {
      outcome = { error, tookMs: performance.now() - startedAt };
    },
  );
  for (let waitedMs = 0; !outcome && waitedMs < limitMs; waitedMs += 100) await vi.advanceTimersByTimeAsync(100);
  return outcome;
}

function useFakeClock(): void {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
}

describe('an upload that moves', () => {
  it('is not cut, however long it takes: 3.8 MB at 64 KB/s arrive with the first attempt', async () => {
    useFakeClock();
    const { send, requests } = withFetch(({ init }) => {
      const uploadMs = (String(init.body).length / 65_536) * 1000;
      return new Promise((resolve, reject) => {
        setTimeout(() => resolve(begun({ init })), uploadMs);
        init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      });
    });
    const sent = await timed(send('x'.repeat(3_800_000)));
    expect(sent?.error).toBeUndefined();
    expect(sent?.tookMs).toBeGreaterThan(50_000);
    expect(requests).toHaveLength(1);
  });

  it('that takes longer than the slowest rate counts as dead, and is tried again', async () => {
    useFakeClock();
    const { send, requests } = withFetch(({ init, count }) =>
      count > 1
        ? begun({ init })
        : new Promise((_, reject) => {
            init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
          }),
    );
    const sent = await timed(send('x'.repeat(10 * slowestUploadBytesPerSecond)));
    expect(sent?.error).toBeUndefined();
    expect(requests).toHaveLength(2);
    expect(sent?.tookMs).toBeGreaterThan(30_000);
    expect(sent?.tookMs).toBeLessThan(33_000);
  });
});

describe('an error of the app’s own code', () => {
  const mistake = new TypeError('Cannot read properties of undefined');
  const fails = () => {
    throw mistake;
  };
  const options: [name: string, options: RealtimeChatTransportOptions][] = [
    ['headers()', { headers: fails }],
    ['body()', { body: fails }],
    ['credentials()', { credentials: fails }],
    ['prepareSendMessagesRequest', { prepareSendMessagesRequest: fails }],
  ];
  it.each(options)('in %s is shown at once, as it is, and nothing is sent', async (_name, broken) => {
    useFakeClock();
    const { send, requests } = withFetch(begun, broken);
    const sent = await timed(send());
    expect(sent?.error).toBe(mistake);
    expect(sent?.tookMs).toBeLessThan(1000);
    expect(requests).toHaveLength(0);
  });

  it('in headers() ends a resume, a stop and a steer at once', async () => {
    useFakeClock();
    const { transport } = withFetch(begun, { headers: fails });
    for (const start of [
      () => transport.reconnectToStream({ chatId: 'c' }),
      () => transport.cancel({ chatId: 'c', runId: 'r' }),
      () => transport.steer({ chatId: 'c', runId: 'r', text: 'more' }),
    ]) {
      const outcome = await timed(start());
      expect(outcome?.error).toBe(mistake);
      expect(outcome?.tookMs).toBeLessThan(1000);
    }
  });

  it('that never settles (a token that does not come) ends as a disconnect', async () => {
    useFakeClock();
    const { send } = withFetch(begun, { headers: () => new Promise(() => {}) });
    const sent = await timed(send());
    expect(sent?.error).toMatchObject({ name: 'TypeError', message: expect.stringContaining('network') });
  });
});

describe('a server that refuses', () => {
  it('a steer behind another one is refused to its caller alone, and not to the whole page', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    let answerFirst = (_: Response): void => {};
    const first = new Promise<Response>((resolve) => {
      answerFirst = resolve;
    });
    const { transport } = withFetch(({ url }) =>
      url.pathname.endsWith('/command') ? first : refusal(403, 'forbidden'),
    );
    const steer = transport.steer({ chatId: 'c', runId: 'r', text: 'one' });
    const refused = transport.steer({ chatId: 'c', text: 'two' });
    // Node reports a rejection behind the turn in which nobody has handled it.
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    answerFirst(Response.json({ outcome: 'delivered' }));
    await expect(steer).resolves.toEqual({ outcome: 'delivered' });
    await expect(refused).rejects.toMatchObject({ code: 'forbidden' });
    expect(unhandled).toEqual([]);
  });

  it('a steer with 500 is asked for 10 seconds, and not for two minutes', async () => {
    useFakeClock();
    const { transport, requests } = withFetch(() => refusal(500, 'provider-failed'));
    const steered = await timed(transport.steer({ chatId: 'c', runId: 'r', text: 'more' }));
    expect(steered?.error).toMatchObject({ code: 'provider-failed', message: 'No.' });
    expect(steered?.tookMs).toBeGreaterThan(1000);
    expect(steered?.tookMs).toBeLessThanOrEqual(answeredRetryMs);
    expect(requests.length).toBeLessThan(10);
  });

  it.each([
    [502, 'network'],
    [503, 'provider-failed'],
    [504, 'network'],
    [429, 'rate-limited'],
  ])('a send with %i for a moment gets it a moment later', async (status, code) => {
    useFakeClock();
    const { send, requests } = withFetch(({ init, count }) => (count > 1 ? begun({ init }) : refusal(status, code)));
    expect((await timed(send()))?.error).toBeUndefined();
    expect(requests).toHaveLength(2);
  });

  it.each([
    [400, 'invalid-body'],
    [403, 'forbidden'],
    [404, 'not-found'],
    [409, 'busy'],
    [413, 'too-large'],
    [500, 'provider-failed'],
    [501, 'provider-failed'],
  ])('a send with %i is told at once', async (status, code) => {
    useFakeClock();
    const { send, requests } = withFetch(() => refusal(status, code));
    const sent = await timed(send());
    expect(sent?.error).toMatchObject({ code, message: 'No.' });
    expect(requests).toHaveLength(1);
  });

  it('is asked again no sooner than it says', async () => {
    useFakeClock();
    const { send, requests } = withFetch(({ init, count }) =>
      count > 1 ? begun({ init }) : refusal(503, 'provider-failed', { 'retry-after': '7' }),
    );
    const sent = await timed(send());
    expect(sent?.error).toBeUndefined();
    expect(sent?.tookMs).toBeGreaterThanOrEqual(7000);
    expect(requests).toHaveLength(2);
  });

  it('with 429 and a long wait is believed at once', async () => {
    useFakeClock();
    const { send, requests } = withFetch(() => refusal(429, 'rate-limited', { 'retry-after': '3600' }));
    const sent = await timed(send());
    expect(sent?.error).toMatchObject({ code: 'rate-limited' });
    expect(requests).toHaveLength(1);
  });
});

describe('a token that has expired', () => {
  it.each(['send', 'resume', 'stop'] as const)('is read again after a 401, and the %s succeeds', async (what) => {
    let token = 0;
    const { transport, send, requests } = withFetch(
      ({ init }) =>
        new Headers(init.headers).get('authorization') === 'token 1'
          ? refusal(401, 'unauthorized')
          : what === 'stop'
            ? Response.json({ outcome: 'delivered' })
            : begun({ init }),
      { headers: () => ({ authorization: `token ${++token}` }) },
    );
    if (what === 'send') await send();
    if (what === 'resume') expect(await transport.reconnectToStream({ chatId: 'c' })).not.toBeNull();
    if (what === 'stop') expect(await transport.cancel({ chatId: 'c', runId: 'r' })).toEqual({ outcome: 'delivered' });
    const [first, second] = requests;
    expect(second?.url.href).toBe(first?.url.href);
    expect(second?.init.body).toBe(first?.init.body);
  });

  it('and is refused again is an error after two requests', async () => {
    const { send, requests } = withFetch(() => refusal(401, 'unauthorized'), { headers: { authorization: 'old' } });
    await expect(send()).rejects.toMatchObject({ code: 'unauthorized' });
    expect(requests).toHaveLength(2);
  });
});

/** A server that is not ours, behind a `fetch` that clones each response, as tracing libraries do. */
async function foreign(listener: RequestListener) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const events: unknown[] = [];
  const transport = new RealtimeChatTransport({
    api: `http://127.0.0.1:${port}/api/chat`,
    fetch: async (...call) => {
      const response = await fetch(...call);
      response.clone();
      return response;
    },
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => transport.close());
  const send = () =>
    transport.sendMessages({
      chatId: 'c',
      trigger: 'submit-message',
      messageId: undefined,
      messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hi' }] }] as UIMessage[],
      abortSignal: undefined,
    });
  return { transport, send, count: () => requests };
}

describe('an address that is not a chat server’s', () => {
  it('gives an error that carries the response’s text, as the AI SDK’s own transport does', async () => {
    const { send, transport } = await foreign((_, response) => response.writeHead(404).end('Not found'));
    await expect(send()).rejects.toMatchObject({ code: 'not-found', message: 'Not found' });
    await expect(transport.reconnectToStream({ chatId: 'c' })).rejects.toMatchObject({ message: 'Not found' });
  });

  it('gives an error that carries JSON of another shape as it is', async () => {
    const body = JSON.stringify({ error: 'rate limited', detail: 'free plan' });
    const { send } = await foreign((_, response) => response.writeHead(400).end(body));
    await expect(send()).rejects.toMatchObject({ message: body });
  });

  it.each([
    ['a page', 'text/html', '<html>Log in</html>'],
    ['events of another server', 'text/event-stream', 'data: {"type":"start"}\n\n'],
  ])(
    'gives an error after one request when it answers %s, also where the response is cloned',
    async (_, type, body) => {
      const { send, transport, count } = await foreign((_request, response) =>
        response.writeHead(200, { 'content-type': type }).write(body.padEnd(200_000)),
      );
      await expect(send()).rejects.toMatchObject({ code: 'protocol', message: expect.stringContaining('chat server') });
      const before = count();
      await expect(transport.reconnectToStream({ chatId: 'c' })).rejects.toMatchObject({ code: 'protocol' });
      expect(count() - before).toBeLessThanOrEqual(1);
    },
  );

  it('gives an error for a stop when the response is a page', async () => {
    const { transport } = await foreign((_, response) => response.end('<html>Log in</html>'));
    await expect(transport.cancel({ chatId: 'c', runId: 'r' })).rejects.toMatchObject({ code: 'protocol' });
  });

  it('has no stream to resume where it answers 204, as the AI SDK’s own routes do', async () => {
    const { transport } = await foreign((_, response) => response.writeHead(204).end());
    expect(await transport.reconnectToStream({ chatId: 'c' })).toBeNull();
  });
});

it.each([
  ['/api/chat/', '/api/chat', ''],
  ['/api/chat?tenant=a', '/api/chat', '?tenant=a'],
  ['/api/chat/?tenant=a', '/api/chat', '?tenant=a'],
])('with api %s every request goes to the right address', async (api, path, search) => {
  const { transport, send, requests } = withFetch(
    ({ url, init }) => (url.pathname.endsWith('/command') ? Response.json({ outcome: 'delivered' }) : begun({ init })),
    { api },
  );
  await send();
  await transport.cancel({ chatId: 'c', runId: 'r' });
  expect(requests.map(({ url }) => url.pathname + url.search)).toEqual([path + search, `${path}/c/command${search}`]);
});
