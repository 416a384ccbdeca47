import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { createUIMessageStreamResponse, UI_MESSAGE_STREAM_HEADERS, type UIMessage } from 'ai';
import { createResumableStreamContext } from 'resumable-stream';
import { scriptOf } from '../script.ts';
import type { MakeContestant } from './contestant.ts';
import { redisClient } from './logs.ts';

/**
 * The stock route with `resumable-stream` on Redis, as the AI SDK's page about resuming has it.
 * @source https://ai-sdk.dev/docs/ai-sdk-ui/chatbot-resume-streams (read 2026-11-29)
 */
export const resumableStream: MakeContestant = (model) => {
  const context = createResumableStreamContext({
    waitUntil: null,
    publisher: redisClient(),
    subscriber: redisClient(),
  });
  const active = new Map<string, string>();

  const send = async (request: Request): Promise<Response> => {
    const { id, messages } = (await request.json()) as { id: string; messages: UIMessage[] };
    return createUIMessageStreamResponse({
      stream: model.answer(id, scriptOf(messages), crypto.randomUUID()),
      async consumeSseStream({ stream }) {
        const streamId = crypto.randomUUID();
        await context.createNewResumableStream(streamId, () => stream);
        active.set(id, streamId);
      },
    });
  };

  const resume = async (chatId: string): Promise<Response> => {
    const stream = await context.resumeExistingStream(active.get(chatId) ?? '');
    if (!stream) return new Response(null, { status: 204 });
    return new Response(stream.pipeThrough(new TextEncoderStream()), { headers: UI_MESSAGE_STREAM_HEADERS });
  };

  const fetch = async (request: Request): Promise<Response> =>
    request.method === 'POST' ? send(request) : resume(new URL(request.url).pathname.split('/').at(-2) ?? '');
  return { servers: [createAdaptorServer({ fetch }) as Server] };
};
