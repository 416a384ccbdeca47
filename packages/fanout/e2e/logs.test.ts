import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeTransportContract, TestChat } from '@chat-transport/contract';
import { syncChat } from '@chat-transport/core';
import type { RunLog } from '@chat-transport/core/provider';
import { startRedis, until } from '@chat-transport/local-services';
import { redisLog } from '@chat-transport/redis';
import { sqliteLog } from '@chat-transport/sqlite';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { FanoutChatTransport } from '../src/index.ts';
import { contractOver, type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';
import { serveApp } from '../test/support/served-app.ts';

let service: PushpinService;
let redisUrl = '';
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  const redis = await startRedis();
  service = await startPushpinService();
  redisUrl = redis.url;
  closing.push(
    () => redis.close(),
    () => service.close(),
  );
});
afterAll(() => Promise.all(closing.map((close) => close())));

interface OpenedLog {
  readonly log: RunLog;
  dispose(): Promise<void>;
}

/** A log of one process, on data that others may share by its name. */
const logs: Record<'redis' | 'sqlite', (name: string) => Promise<OpenedLog>> = {
  async redis(name) {
    const client = createClient({ url: redisUrl });
    await client.on('error', () => {}).connect();
    const log = redisLog({ client, keyPrefix: `${name}:` });
    return {
      log,
      async dispose() {
        await log.close();
        client.destroy();
      },
    };
  },
  async sqlite(name) {
    const log = sqliteLog({ path: join(folder, `${name}.db`) });
    return { log, dispose: async () => log.close() };
  },
};
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fanout-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
});

for (const name of ['redis', 'sqlite'] as const) {
  const createLog = () => logs[name](crypto.randomUUID());
  for (const carrier of ['stream', 'websocket'] as const) {
    describeTransportContract(contractOver(carrier, () => service, { name: `${name}Log`, createLog }));
  }

  describe.each(['stream', 'websocket'] as const)(`two processes on one ${name}, over %s`, (carrier) => {
    /** The run is in the first process, and everything that comes through the proxy reaches the second. */
    async function stage() {
      const shared = crypto.randomUUID();
      const [one, other] = [await logs[name](shared), await logs[name](shared)];
      onTestFinished(async () => {
        await one.dispose();
        await other.dispose();
      });
      const writer = await serveApp(service, { log: one.log });
      const reader = await serveApp(service, { log: other.log });
      const chatId = crypto.randomUUID();
      const api = `http://127.0.0.1:${service.pushpin.port}/api/chat`;
      const transport = new FanoutChatTransport({ api, carrier });
      const chat = new TestChat({ id: chatId, transport });
      const ending = syncChat(chat, transport);
      onTestFinished(() => {
        ending();
        transport.close();
      });
      const path = () => transport.connection(chatId).getSnapshot().path;
      await until('a device that follows', () => path() === 'realtime', path);
      const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
      await writer.handler.runtime.start({ chatId, messages: [message] });
      const call = await writer.model.call(0);
      call.say('one ');
      await until(
        'the first word',
        () => chat.text === 'one ',
        () => chat.seen,
      );
      return { writer, reader, transport, chat, call, chatId };
    }

    test('a stop arrives at the one, and ends the run of the other', async () => {
      const { writer, reader, chat, call } = await stage();
      await chat.stop();
      await until('a stopped model', () => call.aborted);
      await until(
        'an idle device',
        () => chat.isIdle,
        () => chat.seen,
      );
      expect(chat.text).toBe('one ');
      expect([writer.requests, reader.model.calls]).toEqual([[], []]);
    });

    test('a steer arrives at the one, and joins the answer of the other', async () => {
      const { writer, reader, transport, chat, call, chatId } = await stage();
      const steer = vi.spyOn(call.input.steering, 'steer');
      const steered = transport.steer({ chatId, text: 'shorter' });
      await until('the steer in the other process', () => steer.mock.calls.length === 1);
      expect(steer.mock.calls[0]?.[0]).toMatchObject({ role: 'user', content: [{ type: 'text', text: 'shorter' }] });
      call.finish();
      await steered;
      await until(
        'an idle device',
        () => chat.isIdle,
        () => chat.seen,
      );
      expect([writer.requests, reader.model.calls]).toEqual([[], []]);
    });
  });
}
