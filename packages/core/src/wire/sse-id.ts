import { type EndReason, endReasons } from './frame.ts';

/** A reader's position, as an SSE event id carries it. PROTOCOL.md section 4. */
export interface SseId {
  readonly run: string;
  /** The offset that follows what has been read. */
  readonly next: number;
  /** Only behind the run's last offset: why it ended. */
  readonly reason?: EndReason;
}

/** Fifteen digits are always counted exactly. */
const pattern = new RegExp(`^([A-Za-z0-9_-]{1,128}):(\\d{1,15})(?::(${endReasons.join('|')}))?$`);

/** `<run>:<next>` for a frame's last chunk, `<run>:<next>:<reason>` for the run's end. */
export function formatSseId({ run, next, reason }: SseId): string {
  return reason ? `${run}:${next}:${reason}` : `${run}:${next}`;
}

/** Reads an event id (or a `Last-Event-ID` header); `undefined` when it is not one of ours. */
export function parseSseId(text: string): SseId | undefined {
  const [, run, next, reason] = pattern.exec(text) ?? [];
  if (run) return { run, next: Number(next), ...(reason && { reason: reason as EndReason }) };
}
