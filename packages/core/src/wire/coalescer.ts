import type { UIMessageChunk } from 'ai';
import { deltaKey, deltaText, isDelta, type LooseChunk, mergeDeltas } from './delta.ts';
import { frameBytes } from './frame-codec.ts';

/** Most bytes that a chunks frame's JSON has around its chunks. Subtract it from a service's limit to get `maxFrameBytes`. */
export const frameEnvelopeBytes = 256;

/** The coalescer is full at four frames, but neither below nor above these bounds, in bytes. */
const pendingBounds = { least: 64 * 1024, most: 1024 * 1024 } as const;

export interface CoalescerOptions {
  /** How long deltas wait after the last ones were taken, in milliseconds; a run's first ones do not wait. 0: never. */
  readonly flushIntervalMs: number;
  /** Largest JSON of one frame's `chunks`, in bytes of UTF-8. `Infinity`: no limit. A single chunk above it stays one chunk. */
  readonly maxFrameBytes: number;
}

/** Turns a model's chunks into few frames. Pure: the caller owns the clock and says when it takes. PROTOCOL.md section 7.6. */
export interface Coalescer {
  /** Adds a chunk; adjacent deltas of one part merge. */
  push(chunk: UIMessageChunk): void;
  /** When the next frame should leave: 0 at once, `Infinity` when nothing is pending, else a time on the clock of `take`. */
  dueAt(): number;
  /** Removes and returns the next frame's chunks: as many as fit, at least one; empty when nothing is pending. */
  take(nowMs: number): UIMessageChunk[];
  /** The bytes of UTF-8 that wait, as JSON. */
  readonly pendingBytes: number;
  /** Whether so much waits that the model should be read no further until a frame has left. */
  readonly isFull: boolean;
}

interface Pending {
  chunk: UIMessageChunk;
  readonly key: string | undefined;
  readonly urgent: boolean;
  bytes: number;
}

/** Makes a coalescer for one run. */
export function createCoalescer({ flushIntervalMs, maxFrameBytes }: CoalescerOptions): Coalescer {
  const maxPendingBytes = Math.min(Math.max(4 * maxFrameBytes, pendingBounds.least), pendingBounds.most);
  const pending: Pending[] = [];
  let pendingBytes = 0;
  let urgent = 0;
  let begun = false;
  let deltasTakenAt: number | undefined;

  function push(chunk: UIMessageChunk): void {
    const key = deltaKey(chunk);
    const last = pending.at(-1);
    if (key !== undefined && last?.key === key) {
      const added = addedBytes(chunk);
      if (last.bytes + added + 2 <= maxFrameBytes) {
        last.chunk = mergeDeltas(last.chunk, chunk);
        last.bytes += added;
        pendingBytes += added;
        return;
      }
    }
    const next = { chunk, key, urgent: !begun || !isDelta(chunk), bytes: jsonBytes(chunk) + 1 };
    begun = true;
    pending.push(next);
    pendingBytes += next.bytes;
    if (next.urgent) urgent++;
  }

  function dueAt(): number {
    if (pending.length === 0) return Number.POSITIVE_INFINITY;
    if (urgent > 0 || pendingBytes + 2 > maxFrameBytes || deltasTakenAt === undefined) return 0;
    return deltasTakenAt + flushIntervalMs;
  }

  function take(nowMs: number): UIMessageChunk[] {
    let count = 0;
    let bytes = 2;
    for (const entry of pending) {
      if (count > 0 && bytes + entry.bytes > maxFrameBytes) break;
      bytes += entry.bytes;
      if (entry.urgent) urgent--;
      if (isDelta(entry.chunk)) deltasTakenAt = nowMs;
      count++;
    }
    if (count > 0) pendingBytes -= bytes - 2;
    return pending.splice(0, count).map((entry) => entry.chunk);
  }

  return {
    push,
    dueAt,
    take,
    get pendingBytes() {
      return pendingBytes;
    },
    get isFull() {
      return pendingBytes >= maxPendingBytes;
    },
  };
}

/** An upper bound of what a delta adds to the one before it; only the delta itself is measured, so that merging stays linear. */
function addedBytes(delta: UIMessageChunk): number {
  const { providerMetadata } = delta as LooseChunk;
  return jsonBytes(deltaText(delta)) - 2 + (providerMetadata == null ? 0 : jsonBytes({ providerMetadata }));
}

function jsonBytes(value: unknown): number {
  return frameBytes(JSON.stringify(value));
}
