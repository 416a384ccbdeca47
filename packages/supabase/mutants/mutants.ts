/** A mistake in the source, and the test that notices it. */
export interface Mutant {
  readonly id: string;
  /** The file and the one place in it, from the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The package and the file of the test, and the words of its title. */
  readonly suite: readonly [folder: 'postgres' | 'supabase', file: string];
  readonly killedBy: string;
}

const postgres = 'packages/postgres/src';
const supabase = 'packages/supabase/src';

/** Logs in Postgres and pages on Supabase that break a promise. */
export const mutants: readonly Mutant[] = [
  {
    id: 'postgres-hears-no-notice',
    file: `${postgres}/postgres-notices.ts`,
    find: "for (const chatId of chatIds) local.notify(chatId, kind === 'f' ? 'frames' : 'changes');",
    replace: 'void [kind, chatIds];',
    suite: ['postgres', 'contract.test.ts'],
    killedBy: 'with LISTEN: the log stops a silent run that another process writes within 300 ms',
  },
  {
    id: 'postgres-tells-nobody-of-frames',
    file: `${postgres}/postgres-notices.ts`,
    find: 'gather ??= setTimeout(',
    replace: 'gather ??= ((..._: unknown[]) => undefined)(',
    suite: ['postgres', 'contract.test.ts'],
    killedBy: 'with LISTEN: the log shows a reader elsewhere each frame, the end, and the next run',
  },
  {
    id: 'postgres-takes-tables-of-any-version',
    file: `${postgres}/postgres-store.ts`,
    find: 'if (version === String(schemaVersion)) return;',
    replace: 'if (version !== undefined) return;',
    suite: ['postgres', 'store.test.ts'],
    killedBy: 'without its tables, or with those of another version',
  },
  {
    id: 'postgres-lets-writers-push-in',
    file: `${postgres}/statements.ts`,
    find: 'mustWait: `exists',
    replace: 'mustWait: `false and exists',
    suite: ['postgres', 'store.test.ts'],
    killedBy: 'waits behind a writer that came before',
  },
  {
    id: 'postgres-leaves-a-column-out-of-an-upgrade',
    file: `${postgres}/schema.ts`,
    find: 'runs add column if not exists take_over_ms bigint not null default 0;',
    replace: 'runs alter column next set not null;',
    suite: ['postgres', 'store.test.ts'],
    killedBy: 'brings tables of version 1 to the present one',
  },
  {
    id: 'postgres-reads-whole-conversations',
    file: `${postgres}/facts-statement.ts`,
    find: 'and m.position > coalesce(',
    replace: 'and m.position + 0 > coalesce(',
    suite: ['postgres', 'store.test.ts'],
    killedBy: 'reads what is new of a conversation, however long it is',
  },
  {
    id: 'postgres-asks-twice-per-frame',
    file: `${postgres}/postgres-store.ts`,
    find: "const answer = await run('append', values);",
    replace: "await run('version', []);\n      const answer = await run('append', values);",
    suite: ['supabase', 'supabase-server.test.ts'],
    killedBy: 'is broadcast in the same statement, byte for byte: one round trip per frame',
  },
  {
    id: 'supabase-broadcasts-frames-of-any-size',
    file: `${postgres}/statements.ts`,
    find: 'const fits = `',
    replace: "const fits = 'true' || `",
    suite: ['supabase', 'supabase-server.test.ts'],
    killedBy: 'goes out as a pointer above the plan’s limit',
  },
  {
    id: 'supabase-does-not-ask-whether-it-may-send',
    file: `${postgres}/postgres-store.ts`,
    find: 'await check?.();',
    replace: 'void check;',
    suite: ['supabase', 'supabase-server.test.ts'],
    killedBy: 'is refused where the role may not broadcast',
  },
  {
    id: 'supabase-joins-with-the-token-that-it-had',
    file: `${supabase}/supabase-subscriber.ts`,
    find: 'if (!chatToken) await client.realtime.setAuth();',
    replace: '',
    suite: ['supabase', 'supabase-subscriber.test.ts'],
    killedBy: 'does not carry a stale token',
  },
  {
    id: 'supabase-leaves-closed-channels-closed',
    file: `${supabase}/supabase-subscriber.ts`,
    find: 'if (channel !== opened) return;',
    replace: "if (channel !== opened || status === 'CLOSED') return;",
    suite: ['supabase', 'supabase-subscriber.test.ts'],
    killedBy: 'by a token that is over ends with a new token',
  },
  {
    id: 'supabase-closes-the-channels-of-others',
    file: `${supabase}/supabase-subscriber.ts`,
    find: 'if (follow.listeners.size === 0) follow.stop();',
    replace: 'follow.stop();',
    suite: ['supabase', 'supabase-subscriber.test.ts'],
    killedBy: 'has several chats on one client, and leaves the others alone',
  },
];
