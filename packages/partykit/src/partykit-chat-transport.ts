import { RealtimeChatTransport, type RealtimeChatTransportOptions } from '@chat-transport/core';
import { tokenSource } from '@chat-transport/core/provider';
import type { UIMessage } from 'ai';
import { partykitSubscriber } from './partykit-subscriber.ts';
import type { PartykitSubscriberOptions } from './subscriber-options.ts';

/** Options of {@link PartyKitChatTransport}: core's, and the socket's. */
export interface PartyKitChatTransportOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends Omit<RealtimeChatTransportOptions<UI_MESSAGE>, 'subscriber'>,
    Omit<PartykitSubscriberOptions, 'url' | 'authorize'> {
  /** The Worker's chat routes, where `api` is another server's. Default `api`. */
  readonly url?: string | undefined;
}

/** The chat transport over PartyKit: one socket per chat, to the Durable Object that keeps it. */
export class PartyKitChatTransport<UI_MESSAGE extends UIMessage = UIMessage> extends RealtimeChatTransport<UI_MESSAGE> {
  constructor(options: PartyKitChatTransportOptions<UI_MESSAGE> = {}) {
    super({
      ...options,
      subscriber: ({ api, post }) =>
        partykitSubscriber({
          ...options,
          url: options.url ?? api,
          authorize: tokenSource(post),
        }),
    });
  }
}
