export { RealtimeWebSocketTransport, type RealtimeWebSocketTransportOptions } from './realtime-websocket-transport.ts';
export {
  defaultDeadAfterMs,
  defaultHeartbeatMs,
  defaultLingerMs,
  defaultMaxSockets,
  defaultCommandTimeoutMs,
  type WebSocketSubscriberOptions,
} from './subscriber-options.ts';
export { websocketSubscriber } from './websocket-subscriber.ts';
