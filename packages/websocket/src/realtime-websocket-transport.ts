import { RealtimeChatTransport, type RealtimeChatTransportOptions } from '@chat-transport/core';
import { routeAddress, tokenSource } from '@chat-transport/core/provider';
import type { UIMessage } from 'ai';
import type { WebSocketSubscriberOptions } from './subscriber-options.ts';
import { websocketSubscriber } from './websocket-subscriber.ts';

/** Options of {@link RealtimeWebSocketTransport}: core's, and the socket's. */
export interface RealtimeWebSocketTransportOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends Omit<RealtimeChatTransportOptions<UI_MESSAGE>, 'subscriber'>,
    Omit<WebSocketSubscriberOptions, 'url' | 'authorize'> {
  /** The socket's address. Default `{api}/socket`. */
  readonly url?: string | undefined;
}

/**
 * The chat transport over your own WebSocket server (`websocketServer` in `@chat-transport/websocket/server`).
 * The AI SDK owns the name `WebSocketChatTransport`; that class works with the same server, without what core adds.
 */
export class RealtimeWebSocketTransport<
  UI_MESSAGE extends UIMessage = UIMessage,
> extends RealtimeChatTransport<UI_MESSAGE> {
  constructor(options: RealtimeWebSocketTransportOptions<UI_MESSAGE> = {}) {
    super({
      ...options,
      subscriber: ({ api, post }) =>
        websocketSubscriber({
          ...options,
          url: options.url ?? routeAddress(api, '/socket'),
          authorize: tokenSource(post),
        }),
    });
  }
}
