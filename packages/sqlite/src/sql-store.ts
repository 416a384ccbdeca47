import type { CommandReceipt, LogStore, PruneCutoffs, RunKey, StoredSteer } from '@chat-transport/core/provider';
import { prepareSchema } from './schema.ts';
import type { SqlDatabase, SqlRow, SqlValue } from './sql-database.ts';
import { toRunRow } from './sql-rows.ts';
import { messagesAt, readFrames, readText, startAt, steerAt, writeText } from './sql-texts.ts';

/** When a run ended, as SQL: what is recorded, else when its lease expires. */
const endedAt = 'coalesce(ended_at, lease_until)';

/**
 * The log's store in any SQLite. `createStoreLog` makes a log of it.
 * @throws ChatTransportError `provider-failed` when the database has the log's tables in another version.
 */
export function createSqlStore(database: SqlDatabase): LogStore {
  prepareSchema(database);
  const one = (sql: string, ...values: SqlValue[]): SqlRow | undefined => database.all(sql, ...values)[0];
  /** The run's row id; -1, which no row has, for an unknown run. */
  const idOf = ({ chatId, runId }: RunKey): number =>
    Number(one('select id from chat_log_runs where chat_id = ? and run_id = ?', chatId, runId)?.id ?? -1);
  const toSteer = (run: number, row: SqlRow): StoredSteer => ({
    id: String(row.id),
    signal: readText(database, run, steerAt(Number(row.position))) ?? '',
    receipt: toReceipt(row),
  });

  return {
    write: (work) => database.transaction('write', work),
    read: (work) => database.transaction('read', work),
    turn: (chatId) => Number(one('select turn from chat_log_chats where chat_id = ?', chatId)?.turn ?? 0),
    messages(chatId) {
      const newest = one(
        'select id from chat_log_runs join chat_log_chats using (chat_id, turn) where chat_id = ?',
        chatId,
      );
      return newest && readText(database, Number(newest.id), messagesAt);
    },

    insertRun(row, start, messages) {
      database.run(
        `delete from chat_log_texts where at = ? and run = (select id from chat_log_runs where chat_id = ? and turn = ?)`,
        ...[messagesAt, row.chatId, row.turn - 1],
      );
      database.run(
        `insert into chat_log_chats (chat_id, turn) values (?, ?) on conflict (chat_id) do update set turn = excluded.turn`,
        ...[row.chatId, row.turn],
      );
      database.run(
        `insert into chat_log_runs
          (chat_id, run_id, turn, digest, join_key, fence, lease_ms, lease_until, next, end_reason, ended_at, cancel_ids)
          values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[row.chatId, row.runId, row.turn, row.digest, row.joinKey ?? null, row.fence, row.leaseMs, row.leaseUntil],
        ...[row.next, row.end?.reason ?? null, row.end?.at ?? null, JSON.stringify(row.cancelIds)],
      );
      const run = idOf(row);
      writeText(database, run, startAt, startAt, start);
      writeText(database, run, messagesAt, messagesAt, messages);
    },
    updateRun: (row) =>
      database.run(
        `update chat_log_runs set lease_until = ?, next = ?, end_reason = ?, ended_at = ?, cancel_ids = ?
          where chat_id = ? and run_id = ?`,
        ...[row.leaseUntil, row.next, row.end?.reason ?? null, row.end?.at ?? null, JSON.stringify(row.cancelIds)],
        ...[row.chatId, row.runId],
      ),
    run({ chatId, runId }) {
      const row = one('select * from chat_log_runs where chat_id = ? and run_id = ?', chatId, runId);
      return row && toRunRow(row);
    },
    newestRuns: (chatId, limit) =>
      database
        .all('select * from chat_log_runs where chat_id = ? order by turn desc limit ?', chatId, limit)
        .map(toRunRow),
    start: (key) => readText(database, idOf(key), startAt),

    insertFrame: (key, { at, next, chunks }) => writeText(database, idOf(key), at, next, chunks),
    frames: (key, from, until, maxLength) => readFrames(database, idOf(key), from, until, maxLength),
    lastFrame(key) {
      const run = idOf(key);
      const at = one('select max(at) as at from chat_log_texts where run = ? and at >= 0', run)?.at ?? null;
      return at === null ? undefined : readFrames(database, run, Number(at), Number(at) + 1, 0)[0];
    },

    insertSteer(key, { id, signal }) {
      const run = idOf(key);
      const position = Number(one('select count(*) as count from chat_log_steers where run = ?', run)?.count);
      database.run('insert into chat_log_steers (run, position, id) values (?, ?, ?)', run, position, id);
      writeText(database, run, steerAt(position), steerAt(position), signal);
    },
    steer(key, id) {
      const run = idOf(key);
      const row = one('select * from chat_log_steers where run = ? and id = ?', run, id);
      return row && toSteer(run, row);
    },
    openSteers(key) {
      const run = idOf(key);
      const rows = database.all(
        'select * from chat_log_steers where run = ? and outcome is null order by position',
        run,
      );
      return rows.map((row) => toSteer(run, row));
    },
    settleSteer: (key, id, { outcome, reason }) =>
      database.run(
        'update chat_log_steers set outcome = ?, reason = ? where run = ? and id = ?',
        ...[outcome, reason ?? null, idOf(key), id],
      ),

    parkedCancels: (chatId) =>
      database
        .all('select run_id, id, at from chat_log_parked where chat_id = ? order by position', chatId)
        .map((row) => ({ runId: String(row.run_id), id: String(row.id), at: Number(row.at) })),
    park: (chatId, { runId, id, at }) =>
      database.run('insert into chat_log_parked (chat_id, run_id, id, at) values (?, ?, ?, ?)', chatId, runId, id, at),
    unpark: (chatId, { runId, id }) =>
      database.run('delete from chat_log_parked where chat_id = ? and run_id = ? and id = ?', chatId, runId, id),

    currentClaim(chatId, name) {
      const row = one('select owner, until from chat_log_claims where chat_id = ? and name = ?', chatId, name);
      return row && { owner: String(row.owner), until: Number(row.until) };
    },
    putClaim: (chatId, name, { owner, until }) =>
      database.run(
        `insert into chat_log_claims (chat_id, name, owner, until) values (?, ?, ?, ?)
          on conflict (chat_id, name) do update set owner = excluded.owner, until = excluded.until`,
        ...[chatId, name, owner, until],
      ),

    unfinished: (now, endedAfter, limit) =>
      database
        .all(
          `select * from chat_log_runs as run
            where (ended_at > ? or (ended_at is null and lease_until > ? and lease_until <= ?))
            and not exists (select 1 from chat_log_claims as claim
              where claim.chat_id = run.chat_id and claim.name = 'finish:' || run.run_id and claim.until > ?)
            order by ${endedAt}, id limit ?`,
          ...[endedAfter, endedAfter, now, now, limit],
        )
        .map(toRunRow),
    prune: (cutoffs, chatId) => prune(database, cutoffs, chatId),
    close: () => {},
  };
}

function toReceipt({ outcome, reason }: SqlRow): CommandReceipt | undefined {
  if (outcome === null || outcome === undefined) return undefined;
  const known = outcome as CommandReceipt['outcome'];
  return reason === null ? { outcome: known } : { outcome: known, reason: String(reason) };
}

function prune(database: SqlDatabase, cutoffs: PruneCutoffs, chatId: string | undefined): void {
  const chat = chatId === undefined ? '' : 'chat_id = ? and ';
  const over = `${chat}(ended_at <= ? or (ended_at is null and lease_until <= ?))`;
  const within = (...values: SqlValue[]): SqlValue[] => (chatId === undefined ? values : [chatId, ...values]);
  const ended = within(cutoffs.endedBefore, cutoffs.endedBefore);
  const expired = database.all(`select id from chat_log_runs where ${over} and pruned = 0`, ...ended);
  for (const { id } of expired) {
    const run = Number(id);
    database.run('delete from chat_log_texts where run = ?', run);
    database.run('delete from chat_log_steers where run = ?', run);
    database.run('update chat_log_runs set pruned = 1 where id = ?', run);
  }
  database.run(`delete from chat_log_runs where ${over}`, ...within(cutoffs.forgetBefore, cutoffs.forgetBefore));
  database.run(`delete from chat_log_claims where ${chat}until <= ?`, ...within(cutoffs.claimsBefore));
  database.run(`delete from chat_log_parked where ${chat}at <= ?`, ...within(cutoffs.parkedBefore));
}
