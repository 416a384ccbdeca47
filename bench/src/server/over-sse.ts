import type { Server } from 'node:http';
import { createChatHandler } from '@chat-transport/core/server';
import { createAdaptorServer } from '@hono/node-server';
import { scriptOf } from '../script.ts';
import type { MakeContestant } from './contestant.ts';
import { openLog } from './logs.ts';

/** This project's server without a realtime service: each sender reads the response of its own POST. */
export function overSse(log: Parameters<typeof openLog>[0]): MakeContestant {
  return (model) => {
    const handler = createChatHandler({
      log: openLog(log),
      authorize: () => true,
      respond: ({ chatId, messages }) => model.answer(chatId, scriptOf(messages)),
    });
    return { servers: [createAdaptorServer({ fetch: handler }) as Server] };
  };
}
