import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { RawClient } from './support/raw-client.ts';
import { until } from './support/until.ts';

/** How much later than on the writer's process a word may arrive on another one, in milliseconds, in the median. */
const addedMs = 100;
const devices = 5;

class ChatProcess {
  readonly #child: ChildProcess;
  #origin = '';

  constructor(path: string) {
    const file = fileURLToPath(new URL('support/chat-process.ts', import.meta.url));
    this.#child = fork(file, [path], { execArgv: ['--conditions=@chat-transport/source', '--no-warnings'] });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  async started(): Promise<this> {
    const [{ port }] = (await once(this.#child, 'message')) as [{ port: number }];
    this.#origin = `http://127.0.0.1:${port}/api/chat`;
    return this;
  }

  async reads(): Promise<number> {
    this.#child.send('reads');
    const [{ reads }] = (await once(this.#child, 'message')) as [{ reads: number }];
    return reads;
  }

  post(path: string, body: object): Promise<Response> {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    return fetch(this.#origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** An idle device of the chat, with the time at which each message came. */
  async device(): Promise<{ readonly client: RawClient; readonly at: number[] }> {
    const client = new RawClient(`${this.#origin.replace('http', 'ws')}/socket`);
    onTestFinished(() => client.socket.terminate());
    const at: number[] = [];
    client.socket.on('message', () => at.push(Date.now()));
    await client.opened();
    const { token } = (await (await this.post('/auth', { chatId: 'c' })).json()) as { token: string };
    expect(await client.subscribe('c', token)).toMatchObject({ type: 'live' });
    return { client, at };
  }
}

type Device = Awaited<ReturnType<ChatProcess['device']>>;

const isEnd = (message: unknown): boolean => typeof message === 'string' && message.includes('"end":');

/** How long after it was said each word arrived, in milliseconds. */
function delays({ client, at }: Device): number[] {
  return client.received.flatMap((message, index) =>
    [...String(message).matchAll(/<(\d+)>/g)].map(([, saidAt]) => (at[index] as number) - Number(saidAt)),
  );
}

function median(all: readonly number[]): number {
  return [...all].sort((a, b) => a - b)[all.length >> 1] as number;
}

test('idle devices of another process get start, words and end at once, and their process reads the log once for all of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'many-processes-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'log.sqlite');
  const [here, there] = await Promise.all([new ChatProcess(path).started(), new ChatProcess(path).started()]);
  const near = await here.device();
  const far: Device[] = [];
  for (let count = 0; count < devices; count += 1) far.push(await there.device());
  const before = await there.reads();

  for (const runId of ['r1', 'r2']) {
    const messages = [{ id: `m-${runId}`, role: 'user', parts: [{ type: 'text', text: 'hi' }] }];
    expect((await here.post('', { id: 'c', runId, messages })).status).toBe(202);
    await until(
      `the end of ${runId} everywhere`,
      () => [near, ...far].every(({ client }) => client.received.filter(isEnd).length === (runId === 'r1' ? 1 : 2)),
      { saw: () => far.map(({ client }) => client.received.slice(-3)) },
    );
  }

  const baseline = delays(near);
  expect(baseline).toHaveLength(120);
  for (const device of far) {
    expect(device.client.received.filter((message) => String(message).includes('"start":'))).toHaveLength(2);
    expect(delays(device)).toHaveLength(120);
    expect(median(delays(device)) - median(baseline)).toBeLessThan(addedMs);
  }
  // One read for each wake-up: at most one frame for each word, and a few for starts and ends. Not five times as many.
  expect((await there.reads()) - before).toBeLessThan(2 * (60 + 10));
});
