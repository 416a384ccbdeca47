export {
  defaultDeadAfterMs,
  defaultHeartbeatMs,
  defaultMaxBufferedBytes,
  defaultMaxConnections,
  defaultMaxConnectionsPerAddress,
  defaultMaxConnectionsPerUser,
  defaultMaxMessageBytes,
  defaultMaxPayloadBytes,
  defaultMaxRequestsPerConnection,
  defaultMaxSubscriptionsPerConnection,
  defaultSubscribeTimeoutMs,
  defaultSubscriptionMs,
  defaultTokenTtlMs,
  type WebSocketServerOptions,
} from './server/options.ts';
export { closeCodes } from './server/socket-connection.ts';
export {
  type ListenOptions,
  type RealtimeWebSocketServer,
  type UpgradeServer,
  websocketServer,
  websocketSupports,
} from './websocket-server.ts';
