import { ChatTransportError } from '../errors.ts';
import { isId } from '../ids.ts';
import { type ChunksFrame, endReasons, type Frame, type PointerFrame, wireVersion } from './frame.ts';
import { packChunks, unpackChunks } from './packed-chunks.ts';

/** A frame as text, the form that every path carries: packed where that is shorter. PROTOCOL.md section 2.2. */
export function encodeFrame(frame: Frame): string {
  if (!('chunks' in frame) || frame.snapshot) return JSON.stringify(frame);
  const { chunks, ...rest } = frame;
  const packed = packChunks(chunks);
  return JSON.stringify(packed ? { ...rest, packed } : frame);
}

/** A message that a later version of the protocol may have added: another kind of frame, or another wire version. It is dropped. */
export class UnknownFrame extends ChatTransportError {
  constructor(what: string) {
    super({ code: 'protocol', message: `Dropped ${what}, which this version does not know.` });
  }
}

/**
 * Reads a frame from untrusted text. Only the shape is checked: fields that are not known are ignored, and chunks are objects with
 * a string `type`, whatever else they carry. PROTOCOL.md sections 2 and 13.
 * @throws UnknownFrame for a kind or a wire version that is not known.
 * @throws ChatTransportError `protocol` when it is not a frame.
 */
export function decodeFrame(data: string): Frame {
  try {
    const frame = JSON.parse(data);
    if (isOther(frame)) throw new UnknownFrame(`a frame of wire version ${frame.v}`);
    const kind = kinds.find(({ name }) => Object.hasOwn(frame, name));
    if (!kind && base(frame)) throw new UnknownFrame('a kind of frame');
    if (kind && base(frame) && kind.is(frame)) return kind.name === 'packed' ? unpacked(frame) : frame;
  } catch (error) {
    if (error instanceof UnknownFrame) throw error;
    // Text that is not JSON, or not JSON of objects, is not a frame.
  }
  throw new ChatTransportError({ code: 'protocol', message: 'Not a frame.' });
}

/** A packed frame as the chunks frame that it stands for. @throws TypeError where its entries or their count are wrong. */
function unpacked({ packed, ...rest }: Omit<ChunksFrame, 'chunks'> & { readonly packed: readonly unknown[] }): Frame {
  const frame = { ...rest, chunks: unpackChunks(packed) };
  if (!chunks(frame) || !isSound(frame)) throw new TypeError('Not a packed frame.');
  return frame;
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
  return frameBytes(text) <= maxMessageBytes ? text : encodeFrame(shrinkFrame(frame));
}

/** The smaller form of a frame: the pointer of a chunks frame, a start frame without `before` and `tail`. An end frame has none. */
export function shrinkFrame(frame: Frame): Frame {
  if ('chunks' in frame) return pointerFrame(frame);
  if (!('start' in frame)) return frame;
  const { trigger, from, messageId } = frame.start;
  return { ...frame, start: { trigger, from, messageId } };
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

/** Whether this is a frame of another version: whatever such a frame has, it has its number there. */
function isOther(frame: { readonly v?: unknown }): boolean {
  return isCount(frame.v) && frame.v !== wireVersion;
}

const base = has({ v: isOneOf(wireVersion), run: isId, turn: (value: unknown) => value !== 0 && isCount(value) });
const bareStart = has({
  trigger: isOneOf('submit-message', 'regenerate-message'),
  from: (value: unknown) => value === '' || isId(value),
  messageId: isText,
});
const tail = has({ before: (value: unknown) => value === null || isText(value), tail: isListOf(isMessage) });
const isBare: Check = (value) => !['before', 'tail'].some((name) => Object.hasOwn(value as object, name));
const end = has({ at: isCount, end: has({ reason: isOneOf(...endReasons) }) });
const offsets = has({ at: isCount, next: isCount });
const chunks = has({ chunks: isListOf(isTyped) });

/**
 * The kinds of frames, each recognized by the one field that the others lack. A frame with offsets and no field that is known is a pointer: whatever
 * it was, the log has these offsets.
 */
const kinds: readonly { readonly name: string; readonly is: Check }[] = [
  { name: 'start', is: has({ start: (value) => bareStart(value) && (isBare(value) || tail(value)) }) },
  { name: 'end', is: end },
  { name: 'chunks', is: (value) => offsets(value) && chunks(value) && isSound(value as ChunksFrame) },
  { name: 'packed', is: (value) => offsets(value) && Array.isArray((value as { packed: unknown }).packed) },
  { name: 'next', is: (value) => offsets(value) && isSound(value as ChunksFrame) },
];

/** Whether a frame's offsets fit one another and its chunks. */
function isSound({ at, next, chunks, snapshot }: ChunksFrame): boolean {
  if (next <= at || (snapshot !== undefined && snapshot !== true)) return false;
  return snapshot ? at === 0 && chunks?.length > 0 : !chunks || chunks.length === next - at;
}

function has(checks: Record<string, Check>): Check {
  return (value) =>
    Object.entries(checks).every(
      ([name, check]) => Object.hasOwn(value as object, name) && check((value as NonNullable<Fields>)[name]),
    );
}

function isOneOf(...values: unknown[]): Check {
  return (value) => values.includes(value);
}

function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}
