import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chat } from '@ai-sdk/react';
import { RealtimeChatTransport } from '@chat-transport/core';
import type { UIMessage } from 'ai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelCalls } from '../server/model/model-calls.ts';
import { runServer } from './playground-server.ts';

let folder: string;
const servers: { child: ChildProcess; url: string }[] = [];

/** Two processes on one file: the first one runs the model, the second one is asked. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'two-servers-'));
  const start = () => runServer({ PORT: '0', CHAT_DB: join(folder, 'chats.db') });
  servers.push(await start(), await start());
});

afterAll(async () => {
  for (const { child } of servers) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function chatOn(index: number, id: string): { chat: Chat<UIMessage>; transport: RealtimeChatTransport } {
  const transport = new RealtimeChatTransport({ api: `${servers[index]?.url}/api/chat` });
  return { transport, chat: new Chat<UIMessage>({ id, transport }) };
}

const modelCalls = async (index: number, id: string): Promise<ModelCalls> =>
  (await fetch(`${servers[index]?.url}/debug/model-calls?chat=${id}`)).json() as Promise<ModelCalls>;

const textOf = (chat: Chat<UIMessage>): string =>
  chat.lastMessage?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? '';

const nonceOf = (chat: Chat<UIMessage>): unknown =>
  (chat.lastMessage?.metadata as { nonce?: string } | undefined)?.nonce;

describe('a run in one process, through another one', () => {
  test('is replayed and goes on live', async () => {
    const id = crypto.randomUUID();
    const sender = chatOn(0, id);
    const sent = sender.chat.sendMessage({ text: 'Tell me a story /tokens 120 /rate 100' });
    await expect.poll(() => textOf(sender.chat).length).toBeGreaterThan(100);
    const reader = chatOn(1, id);
    const resumed = reader.chat.resumeStream();
    await expect.poll(() => textOf(reader.chat).length).toBeGreaterThan(100);
    await Promise.all([sent, resumed]);
    expect(textOf(reader.chat)).toBe(textOf(sender.chat));
    expect(nonceOf(reader.chat)).toBe(nonceOf(sender.chat));
    expect((await modelCalls(0, id)).calls).toBe(1);
    expect((await modelCalls(1, id)).calls).toBe(0);
  });

  test('is cancelled at once, in the silence of the model', async () => {
    const id = crypto.randomUUID();
    const sender = chatOn(0, id);
    const sent = sender.chat.sendMessage({ text: 'Wait /silence 20' });
    await expect.poll(async () => (await modelCalls(0, id)).chunks).toBeGreaterThan(0);
    const { transport } = chatOn(1, id);
    expect(await transport.cancel({ chatId: id })).toEqual({ outcome: 'delivered' });
    await expect.poll(async () => (await modelCalls(0, id)).aborted, { timeout: 5000, interval: 20 }).toBeTruthy();
    await sent;
    const { chunks } = await modelCalls(0, id);
    await transport.cancel({ chatId: id });
    expect((await modelCalls(0, id)).chunks).toBe(chunks);
  });

  test('is steered', async () => {
    const id = crypto.randomUUID();
    const sender = chatOn(0, id);
    const sent = sender.chat.sendMessage({ text: 'Tell me a story /tokens 600 /rate 50' });
    await expect.poll(() => textOf(sender.chat).length).toBeGreaterThan(50);
    const { transport } = chatOn(1, id);
    expect(await transport.steer({ chatId: id, text: 'mention the lighthouse' })).toMatchObject({
      outcome: 'delivered',
    });
    await sent;
    expect(textOf(sender.chat)).toContain('mention the lighthouse');
  });
});
