export { FanoutChatTransport, type FanoutChatTransportOptions } from './client/fanout-chat-transport.ts';
export {
  defaultCheckAfterMs,
  defaultDeadAfterMs,
  type FanoutSubscriberOptions,
  fanoutSubscriber,
} from './client/fanout-subscriber.ts';
export type { Carrier, HeldConnection, HeldConnectionOptions } from './client/held-connection.ts';
export { streamCarrier } from './client/stream-carrier.ts';
export { webSocketCarrier } from './client/web-socket-carrier.ts';
