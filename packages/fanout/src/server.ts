export { defaultLimits, fanoutSupports } from './server/limits.ts';
export {
  defaultKeepAliveMs,
  defaultLinkTimeoutMs,
  defaultSessionMs,
  type FanoutServer,
  type FanoutServerOptions,
  fanout,
} from './server/fanout-server.ts';
