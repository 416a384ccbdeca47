export { RealtimeWebSocketTransport, type RealtimeWebSocketTransportOptions } from './realtime-websocket-transport.ts';
export {
  defaultDeadAfterMs,
  defaultHeartbeatMs,
  defaultLingerMs,
  defaultSignalTimeoutMs,
  type WebSocketSubscriberOptions,
  websocketSubscriber,
} from './websocket-subscriber.ts';
