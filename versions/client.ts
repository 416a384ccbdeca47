// What an app's page writes, type-checked against the built packages with each version of the AI SDK that the client takes.
import { RealtimeChatTransport, syncChat } from '@chat-transport/core';
import { RealtimeWebSocketTransport } from '@chat-transport/websocket';
import type { AbstractChat, ChatTransport, UIMessage } from 'ai';

type OrderMessage = UIMessage<{ sentAt: number }, { order: { id: string } }>;

export const plain: ChatTransport<UIMessage> = new RealtimeChatTransport({ api: '/api/chat' });
export const transport: RealtimeWebSocketTransport = new RealtimeWebSocketTransport({ api: '/api/chat' });
export const typed: ChatTransport<OrderMessage> = new RealtimeChatTransport<OrderMessage>();

export function synchronize(chat: AbstractChat<UIMessage>, orders: AbstractChat<OrderMessage>): () => void {
  const ends = [syncChat(chat, transport), syncChat(orders, transport)];
  return () => {
    for (const end of ends) end();
  };
}
