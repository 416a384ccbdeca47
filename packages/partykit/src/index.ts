export { PartyKitChatTransport, type PartyKitChatTransportOptions } from './partykit-chat-transport.ts';
export { partykitSubscriber } from './partykit-subscriber.ts';
export {
  defaultDeadAfterMs,
  defaultHeartbeatMs,
  defaultCommandTimeoutMs,
  type PartykitSubscriberOptions,
} from './subscriber-options.ts';
