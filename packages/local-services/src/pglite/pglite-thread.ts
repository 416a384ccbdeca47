import { parentPort } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import type { PgliteCall, PgliteReply } from './pglite-calls.ts';

// A PGlite in a thread of its own. It answers the calls of `start-pglite.ts`, in any number at once: PGlite runs them one after the other.

const db = await PGlite.create();
const channels = new Map<string, () => Promise<void>>();
let transaction: { query: PGlite['query']; end(): void } | undefined;

async function answer(call: PgliteCall): Promise<unknown> {
  switch (call.type) {
    case 'query': {
      const { rows } = await (call.inTransaction && transaction ? transaction : db).query(call.text, [...call.values]);
      return rows;
    }
    case 'exec':
      return void (await db.exec(call.sql));
    case 'listen': {
      const heard = (payload: string) => reply({ type: 'notice', listener: call.listener, payload });
      channels.set(call.listener, await db.listen(call.channel, heard));
      return undefined;
    }
    case 'unlisten':
      return channels.get(call.listener)?.();
    case 'begin':
      return new Promise<void>((begun, failed) => {
        const work = db.transaction(async (opened) => {
          const ended = new Promise<void>((end) => {
            transaction = { query: opened.query.bind(opened), end };
          });
          begun();
          await ended;
          await opened.rollback();
        });
        work.catch(failed);
      });
    case 'rollback':
      return transaction?.end();
    case 'close':
      return db.close();
  }
}

function reply(message: PgliteReply): void {
  parentPort?.postMessage(message);
}

parentPort?.on('message', async (call: PgliteCall) => {
  try {
    reply({ type: 'answer', id: call.id, answer: await answer(call) });
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: string };
    reply({ type: 'error', id: call.id, message, code });
  }
});
reply({ type: 'ready' });
