import type { Frame, RunRecord } from '@chat-transport/core/provider';

/** A place in what a chat's channel carries: inside a run, or without `run` behind the end of a turn. */
export interface Position {
  readonly turn: number;
  readonly run?: string | undefined;
  readonly next?: number | undefined;
}

/** A place inside a run. */
export interface RunPosition extends Position {
  readonly run: string;
  readonly next: number;
}

/** The position as an id of the proxy, which compares ids to find gaps. */
export function formatPosition({ turn, run, next = 0 }: Position): string {
  return run === undefined ? `${turn}:end` : `${turn}:${run}:${next}`;
}

/** Reads an id; `undefined` when it is not one of ours. */
export function parsePosition(id: string | undefined): Position | undefined {
  const [, turn, run, next] = /^(\d+):(?:end|([\w-]+):(\d+))$/.exec(id ?? '') ?? [];
  return turn === undefined ? undefined : { turn: Number(turn), ...(run && { run, next: Number(next) }) };
}

/** The positions in front of a frame and behind it. They follow from the frame alone, so any process may publish any frame of a run. */
export function placeOf(frame: Frame): { readonly from: Position; readonly to: Position } {
  const { turn, run } = frame;
  if ('start' in frame) return { from: { turn: turn - 1 }, to: { turn, run, next: 0 } };
  if (!('end' in frame)) return { from: { turn, run, next: frame.at }, to: { turn, run, next: frame.next } };
  // A deletion has a turn of its own, and no run.
  return { from: frame.end.deleted ? { turn: turn - 1 } : { turn, run, next: frame.at }, to: { turn } };
}

/** Where a chat's log ends. */
export function newestPosition({
  turn,
  run,
}: {
  readonly turn: number;
  readonly run?: RunRecord | undefined;
}): Position {
  return run && !run.end ? { turn, run: run.runId, next: run.next } : { turn };
}
