export { PusherChatTransport, type PusherChatTransportOptions } from './pusher-chat-transport.ts';
export {
  defaultCheckAfterMs,
  type PusherClient,
  pusherSubscriber,
  type PusherSubscriberOptions,
} from './pusher-subscriber.ts';
export { defaultChannelPrefix } from './channel-names.ts';
