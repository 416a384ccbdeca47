export { FanoutChatTransport, type FanoutChatTransportOptions } from './client/fanout-chat-transport.ts';
export {
  defaultCheckAfterMs,
  defaultDeadAfterMs,
  type FanoutSubscriberOptions,
  fanoutSubscriber,
} from './client/fanout-subscriber.ts';
export type { Carrier } from './client/held-connection.ts';
