import { ChatTransportError } from '../errors.ts';
import { isId } from '../ids.ts';
import { type ChunksFrame, type EndReason, endReasons, type Frame, type PointerFrame, wireVersion } from './frame.ts';

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
  try {
    frame = JSON.parse(data);
  } catch (cause) {
    throw malformed('not JSON', cause);
  }
  if (!isObject(frame)) throw malformed('not an object');
  if (frame.v !== wireVersion) throw malformed('v');
  if (!isId(frame.run)) throw malformed('run');
  if (!isCount(frame.turn) || frame.turn < 1) throw malformed('turn');
  const fault = faultOf(frame);
  if (fault) throw malformed(fault);
  return frame as unknown as Frame;
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

/** Which field is wrong, if one is. The set of fields decides the kind, so no frame can be two kinds. */
function faultOf(frame: Fields): string | undefined {
  const { start, at, next, chunks, end, snapshot } = frame;
  const fields = fieldsOf(frame);
  if (fields === 'run,start,turn,v') return isStart(start) ? undefined : 'start';
  if (fields === 'at,end,run,turn,v') {
    const sound =
      isCount(at) && isObject(end) && fieldsOf(end) === 'reason' && endReasons.includes(end.reason as EndReason);
    return sound ? undefined : 'end';
  }
  const pointer = fields === 'at,next,run,turn,v';
  if (!pointer && fields !== `at,chunks,next,run${'snapshot' in frame ? ',snapshot' : ''},turn,v`) return 'fields';
  if (!isCount(at) || !isCount(next) || next <= at) return 'at or next';
  if (pointer) return;
  if (!isListOf(chunks, isTyped)) return 'chunks';
  if ('snapshot' in frame) {
    return snapshot === true && at === 0 && chunks.length > 0 ? undefined : 'snapshot';
  }
  return chunks.length === next - at ? undefined : 'number of chunks';
}

function isStart(start: unknown): boolean {
  if (!isObject(start)) return false;
  const { trigger, from, messageId, before, tail } = start;
  const fields = fieldsOf(start);
  return (
    (trigger === 'submit-message' || trigger === 'regenerate-message') &&
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
    (value.role === 'system' || value.role === 'user' || value.role === 'assistant') &&
    isListOf(value.parts, isTyped)
  );
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

function malformed(what: string, cause?: unknown): ChatTransportError {
  return new ChatTransportError({ code: 'protocol', message: `Malformed frame: ${what}.`, cause });
}
