import { chatHandler } from '../../../../lib/chat-server.ts';

const answer = async (request: Request): Promise<Response> => (await chatHandler())(request);

export { answer as GET, answer as POST };
