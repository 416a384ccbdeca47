import {
  type Changes,
  ChatTransportError,
  deletionFrame,
  encodeForLimit,
  type Facts,
  type Frame,
  type LogStore,
  type Need,
  type OptimisticStore,
  optimistic,
  parkedCommandTtlMs,
  type StoredRun,
  type StoredSteer,
  wireVersion,
} from '@chat-transport/core/provider';
import type { PostgresListen } from './postgres-client.ts';
import { createPostgresNotices } from './postgres-notices.ts';
import { schemaVersion } from './schema.ts';
import type { Statements } from './statements.ts';

/** Runs one of the store's statements and answers its one value, if there is a row. */
export type RunStatement = (
  name: keyof Statements | 'notify',
  values: readonly (string | null)[],
  /** Of a statement that has parts: the keys of its argument. */
  keys?: readonly string[],
) => PromiseLike<string | undefined>;

/** What a store in Postgres is made of. */
export interface PostgresStoreOptions {
  readonly run: RunStatement;
  readonly schema: string;
  readonly listen: PostgresListen | undefined;
  readonly pollMs: number;
  /** The clock, where it is not the database's. */
  readonly now: (() => number) | undefined;
  /** Largest frame that is broadcast whole, in bytes; absent where the store broadcasts nothing. */
  readonly maxFrameBytes?: number | undefined;
  /** Checks that the store may be used, before its first statement. Rejects with what is missing. */
  readonly check?: (() => Promise<void>) | undefined;
}

/** The log's store in Postgres: each call is one statement, a `transact` two. */
export function createPostgresStore(options: PostgresStoreOptions): LogStore {
  const { now, maxFrameBytes } = options;
  const time = (): string | null => (now ? String(now()) : null);
  let checked: Promise<void> | undefined;
  const run: RunStatement = async (name, values, keys) => {
    checked ??= checkStore(options);
    try {
      await checked;
    } catch (error) {
      checked = undefined;
      throw error;
    }
    return options.run(name, values, keys);
  };
  const notices = createPostgresNotices({
    listen: options.listen,
    pollMs: options.pollMs,
    progress: async (chatIds) => JSON.parse((await run('progress', [JSON.stringify(chatIds)])) ?? '{}') ?? {},
    notify: (payload) => run('notify', [payload]),
  });

  const read = async (chatId: string, need: Need): Promise<{ facts: Facts; version: string }> => {
    const answer = await run('facts', [chatId, JSON.stringify(need), time()], Object.keys(need));
    const { version, ...found }: RawFacts & { version: string } = JSON.parse(answer ?? '');
    return { facts: factsOf(found), version };
  };
  const write: OptimisticStore['write'] = async (chatId, version, all, place) => {
    const { begin, ...changes } = all;
    const { row, ...conversation } = begin ?? {};
    const begun = row && { ...row, ...conversation };
    const frames = maxFrameBytes === undefined ? [] : framesOf(begin, changes.erase, maxFrameBytes);
    const text = JSON.stringify({ ...changes, begin: begun, frames });
    const answer = await run('write', [chatId, version, text, place ?? null, time()], Object.keys(all));
    if (answer === undefined) return false;
    // An append that commits while the deletion waits for the run's row is not in the deletion's snapshot. From here on, every append is refused.
    if (changes.erase) await run('clear', [chatId]);
    notices.notify(chatId);
    return true;
  };

  const change = optimistic({
    facts: read,
    write,
    queue: {
      stand: async (chatId, place) => Number(await run('stand', [chatId, place, time()])),
      leave: (chatId, place) => run('leave', [chatId, place]),
    },
  });
  const inTurn = chatQueue();

  return {
    facts: async (chatId, need) => (await read(chatId, need)).facts,
    // Changes that this process makes in one chat run one after the other: in parallel, each would make the others start again.
    transact: (chatId, need, decide) => inTurn(chatId, async () => change(chatId, need, decide)),
    async append({ chatId, runId }, fence, frame, cursor) {
      const place = frame ? JSON.stringify({ at: frame.at, next: frame.next }) : null;
      const values = [chatId, runId, fence, frame?.chunks ?? null, place, String(cursor), time()];
      const answer = await run('append', values);
      if (answer === undefined) return undefined;
      if (frame) notices.frameAppended(chatId);
      return JSON.parse(answer).commands ?? [];
    },
    async unfinished(limit, retentionMs) {
      const answer = await run('unfinished', [time(), String(retentionMs), String(limit)]);
      const found: { now: number; runs: RawRun[] | null } = JSON.parse(answer ?? '');
      return { now: found.now, runs: (found.runs ?? []).map((row) => withoutNulls<StoredRun>(row)) };
    },
    async prune(retentionMs, chatId = undefined) {
      await run('prune', [time(), String(retentionMs), String(parkedCommandTtlMs), chatId ?? null]);
    },
    notices,
    close: () => {},
  };
}

/** Runs the work of each chat one after the other. */
function chatQueue(): <T>(chatId: string, work: () => PromiseLike<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (chatId, work) => {
    const before = last.get(chatId) ?? Promise.resolve();
    const mine = before.then(work, work);
    last.set(chatId, mine);
    try {
      return await mine;
    } finally {
      if (last.get(chatId) === mine) last.delete(chatId);
    }
  };
}

/** @throws ChatTransportError `provider-failed`, not retryable, where the tables are missing, of another version, or closed to this role. */
async function checkStore({ run, schema, check }: PostgresStoreOptions): Promise<void> {
  await check?.();
  const found = await run('version', []).then(
    (version) => ({ version, cause: undefined }),
    (cause: unknown) => ({ version: undefined, cause }),
  );
  const { version, cause } = found;
  if (version === String(schemaVersion)) return;
  const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: string };
  // undefined_table, invalid_schema_name
  const isMissing = cause === undefined || code === '42P01' || code === '3F000';
  // insufficient_privilege
  const isForbidden = code === '42501';
  if (!isMissing && !isForbidden) throw cause;
  const there = version === undefined ? 'no tables of it' : `version ${version}`;
  throw new ChatTransportError({
    code: 'provider-failed',
    message: isForbidden
      ? `This database role may not use the log's tables (${message}). It needs usage on the schema "${schema}", and select, insert, update, delete on its tables.`
      : `The log needs schema version ${schemaVersion} in the schema "${schema}", and there is ${there}. Run schema.sql of @chat-transport/postgres.`,
    retryable: false,
    cause,
  });
}

/** What is broadcast besides the ends of runs: the start of a run (with its end, where its cancel came first), and the deletion of a chat. */
function framesOf(begin: Changes['begin'], erase: Changes['erase'], maxFrameBytes: number): string[] {
  const frames: Frame[] = [];
  if (erase && erase.turn > 0) frames.push(deletionFrame(erase.turn));
  if (begin) {
    const { runId, turn, next, end } = begin.row;
    const base = { v: wireVersion, run: runId, turn } as const;
    frames.push({ ...base, start: JSON.parse(begin.start) });
    if (end) frames.push({ ...base, at: next, end: { reason: end.reason } });
  }
  // A frame travels as a JSON string, whose quotes are escaped: at most twice as long.
  return frames.map((frame) => encodeForLimit(frame, maxFrameBytes / 2));
}

/** As the statements answer it: `null` where there is nothing. */
type OrNull<T> = { [Key in keyof T]: T[Key] | null };
type RawRun = OrNull<StoredRun>;
type RawFacts = OrNull<Omit<Facts, 'run' | 'newest' | 'steer'>> & {
  readonly run?: RawRun | null;
  readonly newest?: readonly RawRun[] | null;
  readonly steer?: OrNull<StoredSteer> | null;
};

function factsOf({ run, newest, steer, ...others }: RawFacts): Facts {
  return {
    ...{ openCommands: [], frames: [], parked: [], claimCount: 0 },
    ...withoutNulls<Omit<Facts, 'run' | 'newest' | 'steer'>>(others),
    run: run ? withoutNulls(run) : undefined,
    newest: (newest ?? []).map((row) => withoutNulls<StoredRun>(row)),
    steer: steer ? withoutNulls(steer) : undefined,
  };
}

function withoutNulls<T extends object>(found: OrNull<T>): T {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== null)) as T;
}
