import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chat } from '@ai-sdk/react';
import { RealtimeChatTransport } from '@chat-transport/core';
import type { UIMessage } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runServer } from './playground-server.ts';

let folder: string;
let server: { child: ChildProcess; url: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crash-'));
  server = await runServer({ PORT: '0', CHAT_DB: join(folder, 'chats.db') });
});

afterAll(async () => {
  server.child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

test('/crash kills the process that writes the answer, and another one writes it to its end', async () => {
  const api = `${server.url}/api/chat`;
  const chat = new Chat<UIMessage>({ id: crypto.randomUUID(), transport: new RealtimeChatTransport({ api }) });
  await chat.sendMessage({ text: 'Tell me a story /tool /crash /tokens 60 /rate 100' });
  expect(chat.status).toBe('ready');
  const { active, runs, messages } = await (await fetch(`${api}/${chat.id}`)).json();
  expect([active, runs.at(-1)]).toMatchObject([undefined, { attempt: 2, end: { reason: 'finish' } }]);
  expect(messages).toEqual(JSON.parse(JSON.stringify(chat.messages)));
  const parts = chat.lastMessage?.parts.map((part) => ('state' in part ? `${part.type} ${part.state}` : part.type));
  expect(parts).toEqual(['step-start', 'text done', 'tool-lookUp output-available', 'step-start', 'text done']);
});
