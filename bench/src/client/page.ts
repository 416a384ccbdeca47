import { RealtimeWebSocketTransport } from '@chat-transport/websocket';
import { type ChatTransport, DefaultChatTransport, type UIMessage, WebSocketChatTransport } from 'ai';
import { nowMs } from '../clock.ts';
import { ask, type Script, tokenLength } from '../script.ts';
import type { ContestantName } from '../server/contestant.ts';
import type { MessageCounter } from './count-messages.ts';
import { until } from './until.ts';

/** A chat page: one transport, and what the page has open before its user writes. */
export interface Page {
  readonly transport: ChatTransport<UIMessage>;
  /** Shows chats, so that whatever the transport keeps open for them is open. */
  open(chatIds: readonly string[]): Promise<void>;
  close(): void;
}

type WebSocketConstructor = NonNullable<ConstructorParameters<typeof WebSocketChatTransport>[0]['webSocket']>;

/** What a page reaches its server through. */
export type Through = Pick<MessageCounter, 'webSocket' | 'fetch'>;

/** What a page saw of one answer; times on the machine's clock. */
export interface Seen {
  readonly askedAt: number;
  /** When each token was there: several at once where deltas were merged. */
  readonly tokensAt: readonly number[];
}

/** A page of a contestant, at a port of its server. */
export function openPage(name: ContestantName, port: number, through: Through = { webSocket: WebSocket, fetch }): Page {
  const api = `http://127.0.0.1:${port}/api/chat`;
  if (name === 'stock-sse') {
    return {
      transport: new DefaultChatTransport({ api, fetch: through.fetch }),
      open: async () => {},
      close: () => {},
    };
  }
  if (name === 'stock-websocket') {
    const transport = new WebSocketChatTransport({ url: api, webSocket: through.webSocket as WebSocketConstructor });
    return { transport, open: async () => {}, close: () => void transport.close() };
  }
  const transport = new RealtimeWebSocketTransport({ api, ...through });
  return {
    transport,
    async open(chatIds) {
      for (const chatId of chatIds) transport.watch(chatId, () => {});
      await until('the chats to be followed', () =>
        chatIds.every((chatId) => transport.connection(chatId).getSnapshot().path === 'realtime'),
      );
    },
    close: () => transport.close(),
  };
}

/** Sends one message and reads the answer to its end. */
export async function send({ transport }: Page, chatId: string, script: Script): Promise<Seen> {
  const askedAt = nowMs();
  const stream = await transport.sendMessages({
    trigger: 'submit-message',
    chatId,
    messageId: undefined,
    messages: [ask(crypto.randomUUID(), script)],
    abortSignal: undefined,
  });
  const tokensAt: number[] = [];
  const reader = stream.getReader();
  for (let result = await reader.read(); !result.done; result = await reader.read()) {
    const chunk = result.value;
    if (chunk.type !== 'text-delta') continue;
    const at = nowMs();
    for (let count = chunk.delta.length / tokenLength; count > 0; count -= 1) tokensAt.push(at);
  }
  if (tokensAt.length !== script.deltas) {
    throw new Error(`${chatId} got ${tokensAt.length} of ${script.deltas} tokens.`);
  }
  return { askedAt, tokensAt };
}
