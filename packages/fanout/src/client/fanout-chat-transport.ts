import { RealtimeChatTransport, type RealtimeChatTransportOptions } from '@chat-transport/core';
import { routeAddress, tokenSource } from '@chat-transport/core/provider';
import type { UIMessage } from 'ai';
import { socketPath } from '../wire.ts';
import { type FanoutSubscriberOptions, fanoutSubscriber } from './fanout-subscriber.ts';

/** Options of {@link FanoutChatTransport}: core's, and those of the held connection. */
export interface FanoutChatTransportOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends Omit<RealtimeChatTransportOptions<UI_MESSAGE>, 'subscriber'>,
    Omit<FanoutSubscriberOptions, 'url' | 'authorize' | 'fetch'> {
  /** Where connections open, through the proxy. Default `{api}/socket`. */
  readonly url?: string | undefined;
}

/** The chat transport over Fanout or Pushpin: the proxy holds the page's connection, so that no function has to. */
export class FanoutChatTransport<UI_MESSAGE extends UIMessage = UIMessage> extends RealtimeChatTransport<UI_MESSAGE> {
  constructor(options: FanoutChatTransportOptions<UI_MESSAGE> = {}) {
    super({
      ...options,
      subscriber: ({ api, post, clock }) =>
        fanoutSubscriber({
          ...options,
          clock,
          url: options.url ?? routeAddress(api, socketPath),
          authorize: tokenSource(post),
        }),
    });
  }
}
