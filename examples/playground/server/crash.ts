import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/** A send with this word is answered by a process of its own, which is killed in the middle. Another one then goes on. */
const crashWord = /(?<!\S)\/crash(?!\S)/i;

type Handle = (request: Request) => Promise<Response>;

/**
 * Lets sends with `/crash` be answered by a process that dies of it. Everything else, also who reads that answer, goes to `chat`.
 * @param isAllowed Whether `authorize` lets this request send.
 */
export function withCrashes(
  chat: Handle,
  { database, isAllowed }: { readonly database: string; readonly isAllowed: (request: Request) => boolean },
): Handle {
  return async (request) => {
    if (request.method !== 'POST' || !new URL(request.url).pathname.endsWith('/api/chat')) return chat(request);
    const body = await request.clone().text();
    if (!asksToCrash(body) || !isAllowed(request)) return chat(request);
    const { port, child } = await startDoomed(database);
    // The process ends with its run, or with the reader that never began one.
    request.signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ['host', 'connection', 'content-length']) headers.delete(name);
    return fetch(`http://127.0.0.1:${port}${pathname}${search}`, { method: 'POST', headers, body });
  };
}

/** Looks at the newest message alone: the word may stand in the history. */
function asksToCrash(body: string): boolean {
  // In JSON a quotation mark may stand beside the word.
  if (!/\/crash/i.test(body)) return false;
  try {
    const { message, messages } = JSON.parse(body) as { message?: unknown; messages?: unknown[] };
    const parts = ((message ?? messages?.at(-1)) as { parts?: { text?: unknown }[] } | undefined)?.parts ?? [];
    return parts.some(({ text }) => typeof text === 'string' && crashWord.test(text));
  } catch {
    return false;
  }
}

async function startDoomed(database: string): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const child = fork(resolve(import.meta.dirname, 'doomed.ts'), { env: { ...process.env, CHAT_DB: database } });
  const said = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (typeof said[0] !== 'number' || child.exitCode !== null) throw new Error('The process for /crash did not start.');
  return { port: said[0], child };
}
