export { partykitSupports } from './limits.ts';
export { ChatServer, closeCodes } from './server/chat-server.ts';
export {
  type ChatServerOptions,
  defaultMaxConnectionsPerUser,
  defaultSessionMs,
} from './server/chat-server-options.ts';
export { type RouteChatOptions, revokeAccess, routeChatRequest } from './server/route-chat-request.ts';
export { minSecretBytes } from '@chat-transport/core/provider';
export { ticketTtlMs } from './ticket.ts';
