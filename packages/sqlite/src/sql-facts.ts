import {
  type CommandReceipt,
  claimKind,
  type Facts,
  type Need,
  type OpenCommand,
  type RunEnd,
  type SteerCounts,
  type StoredClaim,
  type StoredConversation,
  type StoredFrame,
  type StoredRun,
  type StoredSteer,
} from '@chat-transport/core/provider';
import type { SqlDatabase, SqlRow, SqlValue } from './sql-database.ts';
import {
  contextAt,
  type PlacedText,
  readFrames,
  readText,
  readTexts,
  snapshotAt,
  startAt,
  steerAt,
} from './sql-texts.ts';

/** Reads what a decision needs to know of a chat, within a transaction. */
export function readFacts(database: SqlDatabase, chatId: string, need: Need, now: number): Facts {
  const one = (sql: string, ...values: SqlValue[]): SqlRow | undefined => database.all(sql, ...values)[0];
  const chat = one('select id, turn, deleted_turn, parked from chat_log_chats where chat_id = ?', chatId);
  const turn = Number(chat?.turn ?? 0);
  const isNews = need.above === undefined || turn > need.above;
  const run = need.run === undefined ? undefined : one(`${selectRun} and run_id = ?`, chatId, need.run);
  const id = Number(run?.id ?? -1);
  const steer = run && need.steer !== undefined ? one(selectSteer, id, need.steer) : undefined;
  const newest = need.newest && isNews ? database.all(selectNewest, chatId, need.newest) : [];
  const claim = need.claim === undefined ? undefined : one(selectClaim, chatId, need.claim);
  return {
    now,
    turn,
    deletedTurn: Number(chat?.deleted_turn ?? 0),
    run: run && toRun(database, run, need.starts),
    steer: steer && { receipt: toReceipt(steer) },
    steerCounts: run && need.steerCounts && toCounts(one(countSteers, id)),
    openCommands: run && need.openAfter !== undefined ? openCommands(database, id, need.openAfter) : [],
    lastFrame: run && need.lastFrame && lastFrame(database, id),
    frames: run && need.frames ? readFrames(database, id, need.frames.from, need.frames.maxLength).map(toFrame) : [],
    snapshot: run && need.snapshot && readText(database, id, snapshotAt),
    context: run && need.context && readText(database, id, contextAt),
    newest: newest.map((row) => toRun(database, row, need.starts)),
    conversation:
      chat && isNews && need.messagesAfter !== undefined
        ? newerMessages(database, -Number(chat.id), need.messagesAfter > turn ? -1 : need.messagesAfter)
        : undefined,
    parked: JSON.parse(String(chat?.parked ?? '[]')),
    claim: claim && toClaim(claim),
    claimCount: need.claim === undefined ? 0 : countClaims(database, chatId, claimKind(need.claim), now),
  };
}

const selectRun = 'select * from chat_log_runs where chat_id = ?';
const selectNewest = `${selectRun} order by turn desc limit ?`;
const selectSteer = 'select outcome, reason from chat_log_steers where run = ? and id = ?';
const selectClaim = 'select owner, until from chat_log_claims where chat_id = ? and name = ?';
const countSteers = `select count(*) as total, count(*) filter (where outcome is null) as open,
  coalesce(sum(length) filter (where outcome is null), 0) as length from chat_log_steers where run = ?`;

/** A run as the database has it; with its start on request, while that is kept. */
export function toRun(database: SqlDatabase, row: SqlRow, withStart: boolean | undefined): StoredRun {
  const { join_key, end_reason, ended_at } = row;
  return {
    chatId: String(row.chat_id),
    runId: String(row.run_id),
    turn: Number(row.turn),
    digest: String(row.digest),
    joinKey: join_key === null ? undefined : String(join_key),
    fence: String(row.fence),
    attempt: Number(row.attempt),
    leaseMs: Number(row.lease_ms),
    leaseUntil: Number(row.lease_until),
    takeOverMs: Number(row.take_over_ms),
    next: Number(row.next),
    end: end_reason === null ? undefined : { reason: end_reason as RunEnd['reason'], at: Number(ended_at) },
    cancelIds: JSON.parse(String(row.cancel_ids)) as string[],
    start: withStart ? readText(database, Number(row.id), startAt) : undefined,
  };
}

/** The commands of a run without an outcome, behind a cursor. */
export function openCommands(database: SqlDatabase, run: number, cursor: number): OpenCommand[] {
  const rows = database.all(
    'select position from chat_log_steers where run = ? and position > ? and outcome is null order by position',
    ...[run, cursor],
  );
  return rows.map(({ position }) => ({
    position: Number(position),
    command: readText(database, run, steerAt(Number(position))) ?? '',
  }));
}

/** The messages that were written behind a turn: they are behind all others. */
function newerMessages(database: SqlDatabase, owner: number, after: number): StoredConversation {
  const place = (condition: string, ...values: SqlValue[]): number =>
    Number(
      database.all(
        `select at from chat_log_texts where owner = ? ${condition} order by at desc limit 1`,
        ...[owner, ...values],
      )[0]?.at ?? -1,
    );
  const last = place('');
  const known = after < 0 ? -1 : place('and next <= ?', after);
  const newer = last > known ? readTexts(database, owner, known + 1, last) : [];
  return { length: last + 1, newer: newer.map(({ text }) => text) };
}

function lastFrame(database: SqlDatabase, run: number): StoredFrame | undefined {
  const at = database.all('select max(at) as at from chat_log_texts where owner = ? and at >= 0', run)[0]?.at ?? null;
  return at === null ? undefined : readFrames(database, run, Number(at), 0).map(toFrame)[0];
}

function countClaims(database: SqlDatabase, chatId: string, kind: string, now: number): number {
  const sql = `select count(*) as count from chat_log_claims
    where chat_id = ? and name >= ? and substr(name, 1, ?) = ? and until > ?`;
  return Number(database.all(sql, chatId, kind, kind.length, kind, now)[0]?.count);
}

function toFrame({ at, next, text }: PlacedText): StoredFrame {
  return { at, next, chunks: text };
}

function toCounts(row: SqlRow | undefined): SteerCounts {
  return { all: Number(row?.total), open: Number(row?.open), openLength: Number(row?.length) };
}

function toClaim({ owner, until }: SqlRow): StoredClaim {
  return { owner: String(owner), until: Number(until) };
}

function toReceipt({ outcome, reason }: SqlRow): StoredSteer['receipt'] {
  if (outcome === null || outcome === undefined) return undefined;
  const known = outcome as CommandReceipt['outcome'];
  return reason === null ? { outcome: known } : { outcome: known, reason: String(reason) };
}
