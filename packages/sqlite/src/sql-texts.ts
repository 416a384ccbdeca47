import type { SqlDatabase, SqlRow } from './sql-database.ts';

/**
 * How long a row's text may be, in UTF-16 units: at most 1.8 MB of UTF-8. SQLite itself takes more, a Durable Object
 * refuses rows above 2 MB.
 * @source https://developers.cloudflare.com/durable-objects/platform/limits/ (read 2026-11-22)
 */
const maxPartLength = 600_000;

/** Places of a run's texts that are not frames. Frames are at their offset. */
export const startAt = -1;
export const snapshotAt = -2;
export const contextAt = -3;
/** The place of a run's steer: below the others, one after the other. */
export const steerAt = (position: number): number => -10 - position;

/** How many texts one answer looks at. */
const textsPerAnswer = 2_000;

/** A text and its place. `next` is the offset behind a frame, the turn of a message. */
export interface PlacedText {
  readonly at: number;
  readonly next: number;
  readonly text: string;
}

/** Writes a text in as many rows as it needs. */
export function writeText(database: SqlDatabase, owner: number, { at, next, text }: PlacedText): void {
  let part = 0;
  for (let from = 0; from < text.length; part += 1) {
    const to = partEnd(text, from);
    database.run(
      'insert into chat_log_texts (owner, at, part, next, length, data) values (?, ?, ?, ?, ?, ?)',
      ...[owner, at, part, next, text.length, text.slice(from, to)],
    );
    from = to;
  }
}

/** Reads a text; `undefined` when it is not there. */
export function readText(database: SqlDatabase, owner: number, at: number): string | undefined {
  return readTexts(database, owner, at, at)[0]?.text;
}

/** Reads the texts from one place to another, in order. */
export function readTexts(database: SqlDatabase, owner: number, from: number, to: number): PlacedText[] {
  const rows = database.all(
    'select at, part, next, data from chat_log_texts where owner = ? and at between ? and ? order by at, part',
    ...[owner, from, to],
  );
  return joined(rows);
}

/** Reads whole frames from the first at `from` or later: as many as fit `maxLength`, at least one. */
export function readFrames(database: SqlDatabase, owner: number, from: number, maxLength: number): PlacedText[] {
  const heads = database.all(
    'select at, length from chat_log_texts where owner = ? and at >= ? and part = 0 order by at limit ?',
    ...[owner, from, textsPerAnswer],
  );
  let last = 0;
  for (let length = Number(heads[0]?.length); last + 1 < heads.length; last += 1) {
    length += Number(heads[last + 1]?.length);
    if (length > maxLength) break;
  }
  const [first, end] = [heads[0]?.at, heads[last]?.at];
  return first === undefined || end === undefined ? [] : readTexts(database, owner, Number(first), Number(end));
}

function joined(rows: readonly SqlRow[]): PlacedText[] {
  const texts: { at: number; next: number; text: string }[] = [];
  for (const { at, part, next, data } of rows) {
    const last = texts.at(-1);
    if (last && Number(part) > 0) last.text += String(data);
    else texts.push({ at: Number(at), next: Number(next), text: String(data) });
  }
  return texts;
}

// Never between the halves of a surrogate pair: each half alone is not valid UTF-8 and would come back as U+FFFD.
function partEnd(text: string, from: number): number {
  const to = Math.min(from + maxPartLength, text.length);
  const unit = text.charCodeAt(to - 1);
  return to < text.length && unit >= 0xd800 && unit <= 0xdbff ? to - 1 : to;
}
