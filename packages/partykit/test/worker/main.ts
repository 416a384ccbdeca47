import { ChatServer, type ChatServerOptions, revokeAccess, routeChatRequest } from '../../src/server.ts';
import { countRows, type RowCounts } from './count-rows.ts';
import { type Command, ScriptedModel } from './scripted-model.ts';

interface Env extends Cloudflare.Env {
  readonly Chat: DurableObjectNamespace<Chat>;
  readonly SECRET: string;
  /** Whether answers are made in the object. */
  readonly ANSWERS: boolean;
  readonly OPTIONS: Partial<ChatServerOptions>;
}

/** What a test may ask. One isolate runs the Worker and its objects here, so that nothing of it wakes an object. */
const seen: { ahead: number; starts: number; rows: RowCounts; requests: string[]; finished: string[] } = {
  ahead: 0,
  starts: 0,
  rows: { written: 0, read: 0 },
  requests: [],
  finished: [],
};

const tables = ['texts', 'runs', 'chats', 'claims', 'steers'];

export class Chat extends ChatServer<Env> {
  readonly #model: ScriptedModel;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#model = new ScriptedModel(env.OPTIONS.onInterrupted === 'continue');
    Object.defineProperty(this, 'ctx', { value: countRows(ctx, seen.rows) });
  }

  override configure(): ChatServerOptions {
    const answers: Partial<ChatServerOptions> = {
      respond: this.#model.respond,
      onFinish: ({ outcome, messages }) => {
        const text = messages
          .at(-1)
          ?.parts.map((part) => (part.type === 'text' ? part.text : ''))
          .join('');
        seen.finished.push(`${outcome}: ${text}`);
      },
    };
    return {
      secret: this.env.SECRET,
      now: () => Date.now() + seen.ahead,
      ...(this.env.ANSWERS && answers),
      ...this.env.OPTIONS,
    };
  }

  override onStart(): void {
    seen.starts += 1;
    super.onStart();
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname !== '/model' && pathname !== '/rows') seen.requests.push(`${request.method} ${pathname}`);
    return super.fetch(request);
  }

  override async onRequest(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === '/rows') {
      const count = (name: string) => this.ctx.storage.sql.exec(`select count(*) as n from chat_log_${name}`).one().n;
      return Response.json(Object.fromEntries(tables.map((name) => [name, count(name)])));
    }
    if (pathname !== '/model') return super.onRequest(request);
    if (request.method === 'POST') this.#model.obey((await request.json()) as Command);
    const { calls, aborted } = this.#model;
    return Response.json({ calls, aborted });
  }
}

const worker: ExportedHandler<Env> = {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/seen') {
      seen.ahead += Number(searchParams.get('advance'));
      return Response.json(seen);
    }
    if (pathname === '/revoke') {
      const { chatId, userId } = (await request.json()) as { chatId: string; userId?: string };
      await revokeAccess({ chatId, userId }, { namespace: env.Chat, secret: env.SECRET });
      return new Response(null, { status: 204 });
    }
    const chat = searchParams.get('chat');
    if (chat) return env.Chat.get(env.Chat.idFromName(chat)).fetch(request);
    const answer = await routeChatRequest(request, {
      namespace: env.Chat,
      secret: env.SECRET,
      ...(env.ANSWERS && {
        authorize: ({ request, action }) => {
          const may = request.headers.get('x-may');
          return may === null ? { userId: request.headers.get('x-user') ?? 'anna' } : may.split(',').includes(action);
        },
      }),
    });
    return answer ?? new Response('Not found', { status: 404 });
  },
};

export default worker;
