import { RealtimeChatTransport, type RealtimeChatTransportOptions } from '@chat-transport/core';
import type { UIMessage } from 'ai';
import { type AblySubscriberOptions, ablySubscriber } from './ably-subscriber.ts';

/** Options of {@link AblyChatTransport}: core's, and how to make the vendor's client. */
export interface AblyChatTransportOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends Omit<RealtimeChatTransportOptions<UI_MESSAGE>, 'subscriber'>,
    Omit<AblySubscriberOptions, 'clock' | 'post'> {}

/** The chat transport over Ably. */
export class AblyChatTransport<UI_MESSAGE extends UIMessage = UIMessage> extends RealtimeChatTransport<UI_MESSAGE> {
  constructor(options: AblyChatTransportOptions<UI_MESSAGE>) {
    super({ ...options, subscriber: ({ clock, post }) => ablySubscriber({ ...options, clock, post }) });
  }
}
