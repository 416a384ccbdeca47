export { partykitSupports } from './limits.ts';
export {
  defaultCallTimeoutMs,
  defaultLingerMs,
  type PartykitServer,
  type PartykitServerOptions,
  partykitServer,
} from './remote/partykit-server.ts';
