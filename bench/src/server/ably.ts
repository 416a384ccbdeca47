import type { Server } from 'node:http';
import { Invocation } from '@ably/ai-transport';
import { createAgentSession } from '@ably/ai-transport/vercel';
import { ably } from '@chat-transport/ably/server';
import { memoryLog } from '@chat-transport/core/memory';
import { createChatHandler } from '@chat-transport/core/server';
import { createAdaptorServer } from '@hono/node-server';
import { Realtime } from 'ably';
import { ablyKey, localAbly } from '../ably/local-ably.ts';
import type { ScriptedModel } from '../model.ts';
import { scriptOf } from '../script.ts';
import type { MakeContestant } from './contestant.ts';

/** One connection to the service, over the slow line that the bench has made. */
function connect(own: { readonly echoMessages?: boolean } = {}): Realtime {
  return new Realtime({ ...localAbly(Number(process.env.BENCH_ABLY_PORT)), key: ablyKey, ...own });
}

/** This project's server over Ably, with its defaults. */
export const overAbly: MakeContestant = (model) => {
  const handler = createChatHandler({
    realtime: ably({ client: connect({ echoMessages: false }) }),
    log: memoryLog(),
    authorize: () => true,
    respond: ({ chatId, messages, runId }) => {
      model.ran(chatId, runId);
      return model.answer(chatId, scriptOf(messages));
    },
  });
  return { servers: [createAdaptorServer({ fetch: handler }) as Server] };
};

/** `@ably/ai-transport`, as its README has it. */
export const ablyAiTransport: MakeContestant = (model) => {
  const client = connect();
  const fetch = async (request: Request): Promise<Response> => {
    const invocation = Invocation.fromJSON(await request.json());
    const session = createAgentSession({ client, channelName: invocation.sessionName });
    await session.connect();
    const run = session.createRun(invocation);
    void answer(model, session, run, invocation.sessionName.slice('ai:'.length));
    return Response.json({ runId: run.runId, invocationId: run.invocationId });
  };
  return { servers: [createAdaptorServer({ fetch }) as Server] };
};

type Session = ReturnType<typeof createAgentSession>;

async function answer(model: ScriptedModel, session: Session, run: ReturnType<Session['createRun']>, chatId: string) {
  while (run.view.hasOlder()) await run.view.loadOlder();
  await run.start();
  model.ran(chatId, run.runId);
  const messages = run.view.getMessages().map(({ message }) => message);
  const script = scriptOf(messages.filter(({ role }) => role === 'user'));
  const { reason } = await run.pipe(model.answer(chatId, script));
  await run.end({ reason: reason === 'cancelled' ? 'cancelled' : 'complete' });
  await session.end();
}
