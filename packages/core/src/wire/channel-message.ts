import type { ChunksFrame, Frame, PointerFrame } from './frame.ts';
import { encodeFrame, frameBytes, shrinkFrame } from './frame-codec.ts';

/** One message of a channel. */
export interface ChannelMessage {
  /** Equal ids mean equal `data`. PROTOCOL.md section 2.1. */
  readonly id: string;
  readonly data: string;
  /** How many of the frames that were given are in it. */
  readonly count: number;
}

/**
 * One message of as many of `frames` as fit into `maxMessageBytes`, at least the first. Only adjacent chunks frames of one run, or adjacent
 * pointers, share a message. A first frame that is too large by itself is made smaller as section 2 of PROTOCOL.md says.
 */
export function channelMessage(frames: readonly [Frame, ...Frame[]], maxMessageBytes: number): ChannelMessage {
  let count = mergeableCount(frames);
  for (;;) {
    const frame = count === 1 ? frames[0] : mergeFrames(frames.slice(0, count) as Span[]);
    const data = encodeFrame(frame);
    const bytes = frameBytes(data);
    if (bytes <= maxMessageBytes) return { id: messageId(frame), data, count };
    if (count === 1) {
      const smaller = shrinkFrame(frame);
      return { id: messageId(smaller), data: encodeFrame(smaller), count };
    }
    count = Math.max(1, Math.min(count - 1, Math.floor((count * maxMessageBytes) / bytes)));
  }
}

/** Joins adjacent pointers of one run, so that what a queue holds of a run stays small. */
export function joinPointers(frames: readonly Frame[]): Frame[] {
  const joined: Frame[] = [];
  for (const frame of frames) {
    const last = joined.at(-1);
    if (last && isPointer(last) && continues(last, frame)) joined[joined.length - 1] = mergeFrames([last, frame]);
    else joined.push(frame);
  }
  return joined;
}

/** Names a message: its run, its offsets, and what distinguishes messages with the same offsets. Never contains a colon. */
function messageId(frame: Frame): string {
  if ('start' in frame) return `${frame.run}-start`;
  if ('end' in frame) return `${frame.run}-${frame.at}-end`;
  const id = `${frame.run}-${frame.at}-${frame.next}`;
  return isPointer(frame) ? `${id}-pointer` : id;
}

type Span = ChunksFrame | PointerFrame;

function isPointer(frame: Frame): frame is PointerFrame {
  return 'next' in frame && !('chunks' in frame);
}

function continues(frame: Span, next: Frame): next is Span {
  return 'next' in next && next.run === frame.run && next.at === frame.next && isPointer(next) === isPointer(frame);
}

function mergeableCount([first, ...others]: readonly [Frame, ...Frame[]]): number {
  if (!('next' in first) || ('snapshot' in first && first.snapshot)) return 1;
  let count = 1;
  let last: Span = first;
  for (const frame of others) {
    if (!continues(last, frame)) break;
    last = frame;
    count += 1;
  }
  return count;
}

function mergeFrames(frames: readonly Span[]): Span {
  const first = frames[0] as Span;
  const next = (frames.at(-1) as Span).next;
  if (!('chunks' in first)) return { ...first, next };
  return { ...first, next, chunks: frames.flatMap((frame) => ('chunks' in frame ? frame.chunks : [])) };
}
