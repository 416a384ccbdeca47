import { RealtimeChatTransport, type RealtimeChatTransportOptions } from '@chat-transport/core';
import type { UIMessage } from 'ai';
import { type PusherSubscriberOptions, pusherSubscriber } from './pusher-subscriber.ts';

/** Options of {@link PusherChatTransport}: core's, and the vendor's client. */
export interface PusherChatTransportOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends Omit<RealtimeChatTransportOptions<UI_MESSAGE>, 'subscriber'>,
    Omit<PusherSubscriberOptions, 'clock'> {}

/** The chat transport over Pusher Channels. */
export class PusherChatTransport<UI_MESSAGE extends UIMessage = UIMessage> extends RealtimeChatTransport<UI_MESSAGE> {
  constructor(options: PusherChatTransportOptions<UI_MESSAGE>) {
    super({ ...options, subscriber: ({ clock }) => pusherSubscriber({ ...options, clock }) });
  }
}
