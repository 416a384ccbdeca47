// The server half in a Worker. Nothing answers where it publishes.
import { memoryLog } from '@chat-transport/core/memory';
import { createChatHandler } from '@chat-transport/core/server';
import { fanout } from '../../src/server.ts';

/** What the Worker is given. */
interface Env {
  readonly GRIP_URL: string;
  readonly SECRET: string;
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const handler = createChatHandler({
      log: memoryLog({ allowServerless: true }),
      realtime: fanout({ grip: env.GRIP_URL, secret: env.SECRET }),
      authorize: () => true,
      respond: () => {
        throw new Error('No test asks this model.');
      },
    });
    return handler(request);
  },
};
