import { type Changes, parkedCommandTtlMs } from '@chat-transport/core/provider';
import type { SqlDatabase, SqlValue } from './sql-database.ts';
import { contextAt, snapshotAt, startAt, steerAt, writeText } from './sql-texts.ts';

/** Writes the changes of one decision, within a transaction. */
export function applyChanges(database: SqlDatabase, chatId: string, changes: Changes): void {
  const { erase, ends = [], begin, writer, addSteer, settle, snapshot, parked, claim } = changes;
  const idOf = (runId: string): number =>
    numberOf(database, 'select id as value from chat_log_runs where chat_id = ? and run_id = ?', chatId, runId);

  if (erase) eraseChat(database, chatId, erase.turn);
  for (const { runId, end, cancelIds } of ends) {
    database.run(
      `update chat_log_runs set end_reason = ?, ended_at = ?, cancel_ids = ?
        where chat_id = ? and run_id = ? and end_reason is null`,
      ...[end.reason, end.at, JSON.stringify(cancelIds), chatId, runId],
    );
  }
  if (begin) beginRun(database, begin);
  if (writer) {
    database.run(
      `update chat_log_runs set fence = ?, attempt = ?, lease_until = ?
        where chat_id = ? and run_id = ? and end_reason is null`,
      ...[writer.fence, writer.attempt, writer.leaseUntil, chatId, writer.runId],
    );
  }
  if (addSteer) {
    const { runId, id, command } = addSteer;
    const run = idOf(runId);
    const count = numberOf(database, 'select count(*) as value from chat_log_steers where run = ?', run);
    const position = count + 1;
    database.run(
      'insert into chat_log_steers (run, position, id, length) values (?, ?, ?, ?)',
      ...[run, position, id, command.length],
    );
    writeText(database, run, { at: steerAt(position), next: position, text: command });
  }
  if (settle) {
    const { outcome, reason = null } = settle.receipt;
    database.run(
      'update chat_log_steers set outcome = ?, reason = ? where run = ? and id = ? and outcome is null',
      ...[outcome, reason, idOf(settle.runId), settle.id],
    );
  }
  if (snapshot) {
    const run = idOf(snapshot.runId);
    const sql = 'select count(*) as value from chat_log_texts where owner = ? and at = ?';
    const isKept = numberOf(database, sql, run, snapshotAt) > 0;
    if (!isKept) writeText(database, run, { at: snapshotAt, next: snapshotAt, text: snapshot.text });
  }
  if (parked) {
    database.run(
      `insert into chat_log_chats (chat_id, turn, parked) values (?, 0, ?)
        on conflict (chat_id) do update set parked = excluded.parked`,
      ...[chatId, JSON.stringify(parked)],
    );
  }
  if (claim) {
    database.run(
      `insert into chat_log_claims (chat_id, name, owner, until) values (?, ?, ?, ?)
        on conflict (chat_id, name) do update set owner = excluded.owner, until = excluded.until`,
      ...[chatId, claim.name, claim.owner, claim.until],
    );
  }
}

function beginRun(database: SqlDatabase, { row, start, context, keep, add }: NonNullable<Changes['begin']>): void {
  const { chatId, runId, turn } = row;
  database.run(
    `insert into chat_log_chats (chat_id, turn) values (?, ?) on conflict (chat_id) do update set turn = excluded.turn`,
    ...[chatId, turn],
  );
  const messages = -numberOf(database, 'select id as value from chat_log_chats where chat_id = ?', chatId);
  database.run('delete from chat_log_texts where owner = ? and at >= ?', messages, keep);
  for (const [index, text] of add.entries()) writeText(database, messages, { at: keep + index, next: turn, text });
  database.run(
    `insert into chat_log_runs
      (chat_id, run_id, turn, digest, join_key, fence, attempt, lease_ms, lease_until, take_over_ms, next, end_reason,
        ended_at, cancel_ids)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[chatId, runId, turn, row.digest, row.joinKey ?? null, row.fence, row.attempt, row.leaseMs, row.leaseUntil],
    ...[row.takeOverMs, row.next, row.end?.reason ?? null, row.end?.at ?? null, JSON.stringify(row.cancelIds)],
  );
  const run = numberOf(database, 'select id as value from chat_log_runs where chat_id = ? and turn = ?', chatId, turn);
  writeText(database, run, { at: startAt, next: startAt, text: start });
  if (context !== undefined) writeText(database, run, { at: contextAt, next: contextAt, text: context });
}

function eraseChat(database: SqlDatabase, chatId: string, turn: number): void {
  const runs = database.all('select id from chat_log_runs where chat_id = ? and pruned = 0', chatId);
  for (const { id } of runs) emptyRun(database, Number(id));
  forgetMessages(database, 'chat_id = ?', chatId);
  database.run('delete from chat_log_claims where chat_id = ?', chatId);
  const sql = `update chat_log_chats set turn = ?, deleted_turn = ?, parked = '[]' where chat_id = ?`;
  database.run(sql, turn, turn, chatId);
}

/** How many runs one call empties: it holds the file, and this process, all the while. */
const maxEmptied = 200;

/** Deletes what is over, the oldest runs first; see `LogStore.prune`. */
export function prune(database: SqlDatabase, now: number, retentionMs: number, chatId: string | undefined): void {
  const chat = chatId === undefined ? '' : 'chat_id = ? and ';
  const over = `${chat}(ended_at <= ? or (ended_at is null and lease_until + take_over_ms <= ?))`;
  const within = (...values: SqlValue[]): SqlValue[] => (chatId === undefined ? values : [chatId, ...values]);
  const cutoff = now - retentionMs;
  const expired = database.all(
    `select id, chat_id, turn from chat_log_runs where ${over} and pruned = 0 order by id limit ${maxEmptied}`,
    ...within(cutoff, cutoff),
  );
  for (const row of expired) {
    emptyRun(database, Number(row.id));
    forgetMessages(database, 'chat_id = ? and turn = ?', row.chat_id ?? '', row.turn ?? 0);
  }
  database.run(
    `delete from chat_log_runs where ${over} and pruned = 1`,
    ...within(cutoff - retentionMs, cutoff - retentionMs),
  );
  database.run(`delete from chat_log_claims where ${chat}until <= ?`, ...within(now));
  // The newest parked cancel is the last one; a chat that only ever had cancels goes with them.
  const isOver = `${chat}json_array_length(parked) > 0 and json_extract(parked, '$[#-1].at') <= ?`;
  database.run(`update chat_log_chats set parked = '[]' where ${isOver}`, ...within(now - parkedCommandTtlMs));
  database.run(`delete from chat_log_chats where ${chat}turn = 0 and parked = '[]'`, ...within());
}

function emptyRun(database: SqlDatabase, run: number): void {
  database.run('delete from chat_log_texts where owner = ?', run);
  database.run('delete from chat_log_steers where run = ?', run);
  database.run('update chat_log_runs set pruned = 1 where id = ?', run);
}

function forgetMessages(database: SqlDatabase, which: string, ...values: SqlValue[]): void {
  database.run(`delete from chat_log_texts where owner in (select -id from chat_log_chats where ${which})`, ...values);
}

function numberOf(database: SqlDatabase, sql: string, ...values: SqlValue[]): number {
  return Number(database.all(sql, ...values)[0]?.value ?? -1);
}
