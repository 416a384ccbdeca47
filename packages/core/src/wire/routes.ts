/** The default of `api`: the base path of all routes, on the server and in the client. */
export const defaultApi = '/api/chat';
