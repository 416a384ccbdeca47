import { chatHandler } from '../../../../lib/chat-handler.ts';

/** How long the platform lets one function run, in seconds. An answer may take longer: the next function goes on with it. */
export const maxDuration = 10;

const answer = (request: Request): Promise<Response> => chatHandler()(request);

export { answer as GET, answer as POST };
