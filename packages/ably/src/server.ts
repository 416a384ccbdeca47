export {
  ably,
  type AblyServer,
  type AblyServerClient,
  type AblyServerOptions,
  ablySupports,
  defaultFlushIntervalMs,
  defaultPublishesPerSecond,
  defaultTokenTtlMs,
  maxMessageBytes,
} from './ably-server.ts';
export { defaultChannelPrefix } from './channel-names.ts';
