import { createServer } from 'node:http';
import {
  safeValidateWebSocketChatTransportRequest,
  type UIMessage,
  type UIMessageChunk,
  validateUIMessages,
  type WebSocketChatTransportResponse,
} from 'ai';
import { type WebSocket, WebSocketServer } from 'ws';
import { scriptOf } from '../script.ts';
import type { MakeContestant } from './contestant.ts';

interface Kept {
  readonly chunks: { readonly sequence: number; readonly chunk: UIMessageChunk }[];
  readonly subscribers: Map<WebSocket, string>;
  ended: boolean;
}

/**
 * The server that the reference page of `WebSocketChatTransport` outlines, without its users and its aborts.
 * @source `ai` 7.0.173, `docs/07-reference/02-ai-sdk-ui/51-websocket-chat-transport.mdx` (read 2026-11-22)
 */
export const stockWebSocket: MakeContestant = (model) => {
  const server = createServer();
  const streams = new Map<string, Kept>();
  const tell = (socket: WebSocket, response: WebSocketChatTransportResponse): void =>
    socket.send(JSON.stringify(response));

  const resume = (socket: WebSocket, id: string, requestId: string): void => {
    const stream = streams.get(id);
    if (!stream) return tell(socket, { type: 'no-active', requestId });
    tell(socket, { type: 'start', requestId });
    if (!stream.ended) stream.subscribers.set(socket, requestId);
    for (const stored of stream.chunks) tell(socket, { type: 'chunk', requestId, ...stored });
    if (stream.ended) tell(socket, { type: 'end', requestId });
  };

  const send = async (socket: WebSocket, id: string, requestId: string, given: unknown): Promise<void> => {
    const stream: Kept = { chunks: [], subscribers: new Map([[socket, requestId]]), ended: false };
    streams.set(id, stream);
    const messages = await validateUIMessages<UIMessage>({ messages: given });
    for await (const chunk of model.answer(id, scriptOf(messages), crypto.randomUUID())) {
      const stored = { sequence: stream.chunks.length, chunk };
      stream.chunks.push(stored);
      for (const [subscriber, name] of stream.subscribers) {
        tell(subscriber, { type: 'chunk', requestId: name, ...stored });
      }
    }
    stream.ended = true;
    for (const [subscriber, name] of stream.subscribers) tell(subscriber, { type: 'end', requestId: name });
    stream.subscribers.clear();
  };

  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', async (data) => {
      const value: unknown = JSON.parse(data.toString());
      const validated = await safeValidateWebSocketChatTransportRequest<UIMessage>({ value });
      if (!validated.success) return socket.close(1008, 'Invalid frame');
      const frame = validated.data;
      if (frame.type === 'resume') resume(socket, frame.id, frame.requestId);
      if (frame.type === 'send') await send(socket, frame.id, frame.requestId, frame.messages);
    });
    socket.on('close', () => {
      for (const stream of streams.values()) stream.subscribers.delete(socket);
    });
  });
  return { servers: [server] };
};
