import { createAdaptorServer } from '@hono/node-server';
import { createUIMessageStreamResponse, UI_MESSAGE_STREAM_HEADERS, type UIMessage } from 'ai';
import { scriptOf } from '../script.ts';
import type { MakeContestant } from './contestant.ts';

/** A stream kept for resuming, as `resumable-stream` keeps it: the text that went out, and who wants what follows. */
interface Kept {
  text: string;
  readonly readers: Set<(text: string) => void>;
}

/** The route handler of the AI SDK's documentation, for `DefaultChatTransport`. */
export const stockSse: MakeContestant = (model) => {
  const kept = new Map<string, Kept>();

  const keep = async (chatId: string, stream: ReadableStream<string>): Promise<void> => {
    const entry: Kept = { text: '', readers: new Set() };
    kept.set(chatId, entry);
    for await (const text of stream) {
      entry.text += text;
      for (const read of entry.readers) read(text);
    }
    kept.delete(chatId);
  };

  const send = async (request: Request): Promise<Response> => {
    const { id, messages } = (await request.json()) as { id: string; messages: UIMessage[] };
    const script = scriptOf(messages);
    return createUIMessageStreamResponse({
      stream: model.answer(id, script, crypto.randomUUID()),
      // Only what is reloaded is kept: the other measures are of a server that does not pay for it.
      ...(script.hold && { consumeSseStream: ({ stream }: { stream: ReadableStream<string> }) => keep(id, stream) }),
    });
  };

  const resume = (chatId: string): Response => {
    const entry = kept.get(chatId);
    if (!entry) return new Response(null, { status: 204 });
    let read: (text: string) => void;
    const stream = new ReadableStream<string>({
      start(controller) {
        controller.enqueue(entry.text);
        read = (text) => controller.enqueue(text);
        entry.readers.add(read);
      },
      cancel: () => void entry.readers.delete(read),
    });
    return new Response(stream.pipeThrough(new TextEncoderStream()), { headers: UI_MESSAGE_STREAM_HEADERS });
  };

  const fetch = async (request: Request): Promise<Response> =>
    request.method === 'POST' ? send(request) : resume(new URL(request.url).pathname.split('/').at(-2) ?? '');
  return { servers: [createAdaptorServer({ fetch }) as import('node:http').Server] };
};
