/** The default of `api`: the base path of all routes, on the server and in the client. */
export const defaultApi = '/api/chat';
/** The header in which a send names its chat, so that the server can refuse it before it reads the body. */
export const chatIdHeader = 'x-chat-id';
