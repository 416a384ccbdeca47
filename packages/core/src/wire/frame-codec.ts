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
  let frame: unknown;
  let cause: unknown;
  try {
    frame = JSON.parse(data);
  } catch (error) {
    cause = error;
  }
  if (isObject(frame)) {
    const { v, run, turn } = frame;
    if (v === wireVersion && isId(run) && isCount(turn) && turn > 0 && isSound(frame)) return frame as unknown as Frame;
  }
  throw new ChatTransportError({ code: 'protocol', message: 'Malformed frame.', cause });
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

type Fields = Record<string, unknown>;

/** Whether it is one kind of frame. The set of fields decides the kind, so no frame can be two kinds. */
function isSound(frame: Fields): boolean {
  const { start, at, next, chunks, end, snapshot } = frame;
  const fields = fieldsOf(frame);
  if (fields === 'run,start,turn,v') return isStart(start);
  if (!isCount(at)) return false;
  if (fields === 'at,end,run,turn,v')
    return isObject(end) && fieldsOf(end) === 'reason' && isOneOf(endReasons, end.reason);
  if (!isCount(next) || next <= at) return false;
  if (fields === 'at,next,run,turn,v') return true;
  if (!isListOf(chunks, isTyped)) return false;
  if (fields === 'at,chunks,next,run,turn,v') return chunks.length === next - at;
  return fields === 'at,chunks,next,run,snapshot,turn,v' && snapshot === true && at === 0 && chunks.length > 0;
}

function isStart(start: unknown): boolean {
  if (!isObject(start)) return false;
  const { trigger, from, messageId, before, tail } = start;
  const fields = fieldsOf(start);
  return (
    isOneOf(['submit-message', 'regenerate-message'], trigger) &&
    (from === '' || isId(from)) &&
    typeof messageId === 'string' &&
    (fields === 'from,messageId,trigger' ||
      (fields === 'before,from,messageId,tail,trigger' &&
        (before === null || typeof before === 'string') &&
        isListOf(tail, isMessage)))
  );
}

function isMessage(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value.id === 'string' &&
    isOneOf(['system', 'user', 'assistant'], value.role) &&
    isListOf(value.parts, isTyped)
  );
}

function isOneOf(values: readonly string[], value: unknown): boolean {
  return values.includes(value as string);
}

function isTyped(value: unknown): boolean {
  return isObject(value) && typeof value.type === 'string';
}

function isListOf(value: unknown, test: (item: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(test);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function fieldsOf(value: Fields): string {
  return Object.keys(value).sort().join();
}
