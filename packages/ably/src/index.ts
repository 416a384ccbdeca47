export { AblyChatTransport, type AblyChatTransportOptions } from './ably-chat-transport.ts';
export type { AblyClient, AblyClientOptions } from './ably-credential.ts';
export { ablySubscriber, type AblySubscriberOptions, defaultCheckAfterMs } from './ably-subscriber.ts';
export { defaultChannelPrefix } from './channel-names.ts';
