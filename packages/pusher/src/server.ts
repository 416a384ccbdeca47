export {
  defaultFlushIntervalMs,
  maxMessageBytes,
  pusher,
  type PusherServer,
  type PusherServerClient,
  type PusherServerOptions,
  pusherSupports,
} from './pusher-server.ts';
export { defaultChannelPrefix } from './channel-names.ts';
