export { partykitSupports } from './limits.ts';
export { ChatServer, closeCodes } from './server/chat-server.ts';
export { type ChatServerOptions, defaultSessionMs } from './server/chat-server-options.ts';
export { type RouteChatOptions, routeChatRequest } from './server/route-chat-request.ts';
export { minSecretBytes, ticketTtlMs } from './ticket.ts';
