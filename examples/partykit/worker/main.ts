import { ChatServer, type ChatServerOptions, routeChatRequest } from '@chat-transport/partykit/server';
import { countingModel } from './counting-model.ts';

interface Env extends Cloudflare.Env {
  readonly Chat: DurableObjectNamespace<Chat>;
  readonly CHAT_SECRET: string;
}

/** One chat: its log, its sockets, and the model's call. */
export class Chat extends ChatServer<Env> {
  override configure(): ChatServerOptions {
    return { secret: this.env.CHAT_SECRET, respond: countingModel };
  }
}

const worker: ExportedHandler<Env> = {
  async fetch(request, { Chat, CHAT_SECRET }) {
    // Whoever knows a chat's id may use it: ask your own session here.
    const authorize = () => true;
    const answer = await routeChatRequest(request, { namespace: Chat, secret: CHAT_SECRET, authorize });
    return answer ?? new Response('Not found', { status: 404 });
  },
};

export default worker;
