import { chatHandler } from '../../../../lib/chat-handler.ts';

/** How long the platform lets a run go on, in seconds. */
export const maxDuration = 300;

const answer = (request: Request): Promise<Response> => chatHandler()(request);

export { answer as GET, answer as POST };
