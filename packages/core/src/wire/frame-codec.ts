import { ChatTransportError } from '../errors.ts';
import { isId } from '../ids.ts';
import { type ChunksFrame, endReasons, type Frame, type PointerFrame, wireVersion } from './frame.ts';

/** A frame as text, the form that every path carries. */
export function encodeFrame(frame: Frame): string {
  return JSON.stringify(frame);
}

/**
 * Reads a frame from text that nobody vouches for. Only the shape is checked: chunks are objects with a string `type`, whatever else they carry.
 * @throws ChatTransportError `protocol` when it is not exactly one frame of this wire version, without extra fields.
 */
export function decodeFrame(data: string): Frame {
  try {
    const frame = JSON.parse(data);
    if (kinds.some((isKind) => isKind(frame)) && isSound(frame)) return frame;
  } catch {
    // No JSON: no frame.
  }
  throw new ChatTransportError({ code: 'protocol', message: 'Not a frame.' });
}

/** The frame that says where the chunks are without carrying them. */
export function pointerFrame({ v, run, turn, at, next }: ChunksFrame | PointerFrame): PointerFrame {
  return { v, run, turn, at, next };
}

/** The size of a text on the wire, in bytes of UTF-8. */
export function frameBytes(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

/**
 * The frame as text of at most `maxMessageBytes` bytes of UTF-8. A chunks frame that is larger becomes its pointer frame,
 * a start frame loses `before` and `tail` (`BareRunStart`). What cannot shrink is answered as it is.
 */
export function encodeForLimit(frame: Frame, maxMessageBytes: number): string {
  const text = encodeFrame(frame);
  if (frameBytes(text) <= maxMessageBytes) return text;
  if ('chunks' in frame) return encodeFrame(pointerFrame(frame));
  if (!('start' in frame)) return text;
  const { trigger, from, messageId } = frame.start;
  return encodeFrame({ ...frame, start: { trigger, from, messageId } });
}

/** Values are what `JSON.parse` made: only an object has named fields. */
type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, unknown>> | null | undefined;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isTyped: Check = (value) => isText((value as Fields)?.type);
const isMessage: Check = (value) => {
  const { id, role, parts } = value as NonNullable<Fields>;
  return isText(id) && isOneOf('system', 'user', 'assistant')(role) && isListOf(isTyped)(parts);
};

const base = { v: isOneOf(wireVersion), run: isId, turn: (value: unknown) => value !== 0 && isCount(value) };
const start = {
  trigger: isOneOf('submit-message', 'regenerate-message'),
  from: (value: unknown) => value === '' || isId(value),
  messageId: isText,
};
const tail = { before: (value: unknown) => value === null || isText(value), tail: isListOf(isMessage) };
const pointer = { ...base, at: isCount, next: isCount };
const chunks = { ...pointer, chunks: isListOf(isTyped) };

/** The kinds of frames. The set of fields decides the kind, so no frame can be two kinds. */
const kinds = [
  { ...base, start: hasExactly(start) },
  { ...base, start: hasExactly({ ...start, ...tail }) },
  { ...base, at: isCount, end: hasExactly({ reason: isOneOf(...endReasons) }) },
  pointer,
  chunks,
  { ...chunks, snapshot: isOneOf(true) },
].map(hasExactly);

/** Whether a frame's offsets fit one another and its chunks. */
function isSound({ at, next, chunks, snapshot }: ChunksFrame): boolean {
  if (next <= at) return false;
  return snapshot ? at === 0 && chunks.length > 0 : !chunks || chunks.length === next - at;
}

function hasExactly(checks: Record<string, Check>): Check {
  const namesOf = (fields: object) => Object.keys(fields).sort().join();
  const names = namesOf(checks);
  return (value) =>
    namesOf(value as object) === names &&
    Object.entries(checks).every(([name, check]) => check((value as NonNullable<Fields>)[name]));
}

function isOneOf(...values: unknown[]): Check {
  return (value) => values.includes(value);
}

function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}
