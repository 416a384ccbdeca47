import type { StoredFrame } from '@chat-transport/core/provider';
import type { SqlDatabase } from './sql-database.ts';

/**
 * How long a row's text may be, in UTF-16 units: at most 1.8 MB of UTF-8. SQLite itself takes more, a Durable Object refuses rows above 2 MB.
 * @source https://developers.cloudflare.com/durable-objects/platform/limits/ (read 2026-11-22)
 */
const maxPartLength = 600_000;

/** Places of texts that are not frames. Frames are at their offset. */
export const startAt = -1;
export const messagesAt = -2;
/** The place of a run's steer: below the others, one after the other. */
export const steerAt = (position: number): number => -10 - position;

/** How many frames one answer looks at. */
const framesPerAnswer = 2_000;

/** Writes a text in as many rows as it needs. `run` is the run's row id. */
export function writeText(database: SqlDatabase, run: number, at: number, next: number, text: string): void {
  let part = 0;
  for (let from = 0; from < text.length; part += 1) {
    const to = partEnd(text, from);
    database.run(
      'insert into chat_log_texts (run, at, part, next, length, data) values (?, ?, ?, ?, ?, ?)',
      ...[run, at, part, next, text.length, text.slice(from, to)],
    );
    from = to;
  }
}

/** Reads a text; `undefined` when it is not there. */
export function readText(database: SqlDatabase, run: number, at: number): string | undefined {
  const rows = database.all('select data from chat_log_texts where run = ? and at = ? order by part', run, at);
  return rows.length === 0 ? undefined : rows.map(({ data }) => String(data)).join('');
}

/** Reads whole frames from the first at `from` or later, below `until`, as many as fit `maxLength`, at least one. */
export function readFrames(
  database: SqlDatabase,
  run: number,
  from: number,
  until: number,
  maxLength: number,
): StoredFrame[] {
  const heads = database.all(
    'select at, length from chat_log_texts where run = ? and at >= ? and at < ? and part = 0 order by at limit ?',
    ...[run, from, until, framesPerAnswer],
  );
  let last = 0;
  for (let length = Number(heads[0]?.length); last + 1 < heads.length; last += 1) {
    length += Number(heads[last + 1]?.length);
    if (length > maxLength) break;
  }
  const [first, end] = [heads[0]?.at, heads[last]?.at];
  if (first === undefined || end === undefined) return [];

  const frames = new Map<number, StoredFrame>();
  const rows = database.all(
    'select at, next, data from chat_log_texts where run = ? and at between ? and ? order by at, part',
    ...[run, first, end],
  );
  for (const row of rows) {
    const at = Number(row.at);
    frames.set(at, { at, next: Number(row.next), chunks: (frames.get(at)?.chunks ?? '') + String(row.data) });
  }
  return [...frames.values()];
}

// Never between the halves of a surrogate pair: each half alone is not valid UTF-8 and would come back as U+FFFD.
function partEnd(text: string, from: number): number {
  const to = Math.min(from + maxPartLength, text.length);
  const unit = text.charCodeAt(to - 1);
  return to < text.length && unit >= 0xd800 && unit <= 0xdbff ? to - 1 : to;
}
