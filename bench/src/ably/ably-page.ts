import { createChatTransport, createClientSession } from '@ably/ai-transport/vercel';
import { Chat } from '@ai-sdk/react';
import { AblyChatTransport } from '@chat-transport/ably';
import { syncChat } from '@chat-transport/core';
import { Realtime } from 'ably';
import type { ChatTransport, UIMessage } from 'ai';
import { shownLength } from '../client/shown.ts';
import { until } from '../client/until.ts';
import type { ContestantName } from '../server/contestant.ts';
import { ablyKey, localAbly } from './local-ably.ts';

/** A page with one chat, which shows what other devices do in it. */
export interface AblyPage {
  readonly transport: ChatTransport<UIMessage>;
  /** How many characters of the newest answer the page shows. */
  shown(): number;
  /** Calls `listener` whenever the page shows something else. */
  onShown(listener: () => void): void;
  /** The stop button. */
  stop(runId: string): Promise<void>;
  close(): void;
}

/** Where a page finds what it needs: both on the other side of a slow line. */
export interface AblyPlace {
  readonly chatPort: number;
  readonly ablyPort: number;
}

/** Opens a page, and waits until everything is connected. */
export function openAblyPage(name: ContestantName, chatId: string, place: AblyPlace): Promise<AblyPage> {
  return name === 'ably' ? openOurs(chatId, place) : openTheirs(chatId, place);
}

async function openOurs(chatId: string, { chatPort, ablyPort }: AblyPlace): Promise<AblyPage> {
  const transport = new AblyChatTransport({
    api: `http://127.0.0.1:${chatPort}/api/chat`,
    clientId: crypto.randomUUID(),
    client: (options) => new Realtime({ ...options, ...localAbly(ablyPort) }),
  });
  const chat = new Chat({ id: chatId, transport, onError() {} });
  const leave = syncChat(chat, transport);
  await until('realtime', () => transport.connection(chatId).getSnapshot().path === 'realtime');
  return {
    transport,
    shown: () => shownLength(chat),
    onShown: (listener) => void chat['~registerMessagesCallback'](listener),
    stop: async (runId) => void (await transport.cancel({ chatId, runId })),
    close() {
      leave();
      transport.close();
    },
  };
}

async function openTheirs(chatId: string, { chatPort, ablyPort }: AblyPlace): Promise<AblyPage> {
  const client = new Realtime({ ...localAbly(ablyPort), key: ablyKey, clientId: crypto.randomUUID() });
  const session = createClientSession({ client, channelName: `ai:${chatId}` });
  await session.connect();
  const transport = createChatTransport(session, { api: `http://127.0.0.1:${chatPort}/api/chat` });
  return {
    transport,
    shown: () => shownLength({ messages: session.view.getMessages().map(({ message }) => message) }),
    onShown: (listener) => void session.view.on('update', listener),
    stop: (runId) => session.cancel(runId),
    close: () => {
      void session.close();
      client.close();
    },
  };
}
