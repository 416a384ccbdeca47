import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { RealtimeDatabase, RunSql } from '../supabase-realtime/realtime-database.ts';
import type { PgliteCall, PgliteReply } from './pglite-calls.ts';

/** A Postgres inside this process. */
export interface PgliteDatabase extends RealtimeDatabase {
  /** Runs SQL of several statements. */
  exec(sql: string): Promise<unknown>;
}

type Body<T> = T extends unknown ? Omit<T, 'id'> : never;

/**
 * Starts a PGlite in a thread of its own. In the thread of a test, each statement would hold up the servers, pages and timers that run there, which no
 * database does.
 */
export async function startPglite(): Promise<PgliteDatabase> {
  const thread = new Worker(new URL('pglite-thread.ts', import.meta.url));
  const calls = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  const listeners = new Map<string, (payload: string) => void>();
  let count = 0;
  let isClosed = false;

  const ask = (body: Body<PgliteCall>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(new Error('This PGlite is closed.'));
      count += 1;
      calls.set(count, { resolve, reject });
      thread.postMessage({ ...body, id: count });
    });
  const settle = (id: number): { resolve(answer: unknown): void; reject(error: Error): void } | undefined => {
    const call = calls.get(id);
    calls.delete(id);
    return call;
  };
  const runs =
    (inTransaction: boolean): RunSql =>
    async (text, values = []) =>
      (await ask({ type: 'query', text, values, inTransaction })) as Record<string, unknown>[];

  thread.on('message', (reply: PgliteReply) => {
    if (reply.type === 'notice') listeners.get(reply.listener)?.(reply.payload);
    if (reply.type === 'answer') settle(reply.id)?.resolve(reply.answer);
    if (reply.type === 'error') {
      settle(reply.id)?.reject(Object.assign(new Error(reply.message), { code: reply.code }));
    }
  });
  thread.on('exit', () => {
    isClosed = true;
    for (const { reject } of calls.values()) reject(new Error('This PGlite was closed.'));
  });
  await once(thread, 'message');

  let lastTry: Promise<unknown> = Promise.resolve();
  return {
    query: runs(false),
    exec: (sql) => ask({ type: 'exec', sql }),
    tryOut(work) {
      // PGlite has one connection, and so one transaction.
      const mine = lastTry.then(async () => {
        await ask({ type: 'begin' });
        try {
          return await work(runs(true));
        } finally {
          await ask({ type: 'rollback' });
        }
      });
      lastTry = mine.catch(() => {});
      return mine;
    },
    async listen(channel, onNotice) {
      const listener = crypto.randomUUID();
      listeners.set(listener, onNotice);
      await ask({ type: 'listen', channel, listener });
      return async () => {
        listeners.delete(listener);
        await ask({ type: 'unlisten', listener });
      };
    },
    async close() {
      await ask({ type: 'close' });
      await thread.terminate();
    },
  };
}
