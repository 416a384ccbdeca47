import type { EndReason } from '@chat-transport/core';

/** How something reached this tab. `read`: one read of the log, of what realtime did not bring. `other`: the state, tokens, commands and sends. */
export type Way = 'realtime' | 'response' | 'sse' | 'poll' | 'read' | 'other';

/** One frame, as it arrived. Offsets are `[at, next)`. */
export interface SeenFrame {
  readonly chatId: string;
  readonly way: Way;
  readonly runId: string;
  readonly turn: number;
  readonly kind: 'start' | 'chunks' | 'pointer' | 'end';
  readonly at: number;
  readonly next: number;
  readonly end?: EndReason;
}

/** Offsets that came one way, for the first time. */
export interface Segment {
  readonly way: Way;
  readonly at: number;
  readonly next: number;
}

export interface InspectedRun {
  readonly chatId: string;
  readonly runId: string;
  readonly turn: number;
  readonly segments: readonly Segment[];
  /** The offsets that are known to exist. */
  readonly length: number;
  readonly frames: number;
  /** Frames that brought nothing new. */
  readonly repeated: number;
  readonly end?: EndReason;
}

/** What the transport reported, `times` in a row. */
export interface SeenEvent {
  readonly number: number;
  readonly type: string;
  readonly text: string;
  readonly times: number;
}

export interface Traffic {
  /** Requests, or messages of a socket. */
  readonly count: number;
  readonly received: number;
  readonly sent: number;
}

/** What the wire of this tab has shown. */
export interface Inspection {
  /** Newest first. */
  readonly runs: readonly InspectedRun[];
  /** Newest first, with a number of their own. */
  readonly frames: readonly (SeenFrame & { readonly number: number })[];
  /** Newest first. */
  readonly events: readonly SeenEvent[];
  readonly traffic: Readonly<Record<Way, Traffic>>;
}

const none: Traffic = { count: 0, received: 0, sent: 0 };

export const emptyInspection: Inspection = {
  runs: [],
  frames: [],
  events: [],
  traffic: { realtime: none, response: none, sse: none, poll: none, read: none, other: none },
};

const maxRuns = 20;
const maxFrames = 60;
const maxEvents = 20;

/** A frame came. */
export function withFrame(inspection: Inspection, frame: SeenFrame): Inspection {
  const isSame = (run: InspectedRun): boolean => run.runId === frame.runId && run.chatId === frame.chatId;
  const known = inspection.runs.find(isSame);
  const run = withFrameOfRun(known ?? newRun(frame), frame);
  const runs = known ? inspection.runs.map((each) => (isSame(each) ? run : each)) : [run, ...inspection.runs];
  const number = (inspection.frames[0]?.number ?? 0) + 1;
  return {
    ...inspection,
    runs: runs.slice(0, maxRuns),
    frames: [{ ...frame, number }, ...inspection.frames].slice(0, maxFrames),
  };
}

/** The transport reported something. */
export function withEvent(inspection: Inspection, type: string, text: string): Inspection {
  const [last, ...older] = inspection.events;
  const isSame = last?.type === type && last.text === text;
  const event = isSame ? { ...last, times: last.times + 1 } : { number: (last?.number ?? 0) + 1, type, text, times: 1 };
  return { ...inspection, events: [event, ...(isSame ? older : inspection.events)].slice(0, maxEvents) };
}

/** Bytes went over the wire. */
export function withTraffic(inspection: Inspection, way: Way, added: Partial<Traffic>): Inspection {
  const { count, received, sent } = inspection.traffic[way];
  const sum = {
    count: count + (added.count ?? 0),
    received: received + (added.received ?? 0),
    sent: sent + (added.sent ?? 0),
  };
  return { ...inspection, traffic: { ...inspection.traffic, [way]: sum } };
}

/** The offsets of a run that the log brought because no other way had: its repaired gaps. */
export function repairedGaps({ segments }: InspectedRun): readonly Segment[] {
  return segments.filter(({ way, at }) => at > 0 && (way === 'read' || way === 'poll' || way === 'sse'));
}

/** The offsets that are known to exist and have not come. */
export function missingOffsets({ segments, length }: InspectedRun): number {
  return length - segments.reduce((sum, { at, next }) => sum + next - at, 0);
}

function newRun({ chatId, runId, turn }: SeenFrame): InspectedRun {
  return { chatId, runId, turn, segments: [], length: 0, frames: 0, repeated: 0 };
}

function withFrameOfRun(run: InspectedRun, frame: SeenFrame): InspectedRun {
  const segments = frame.kind === 'chunks' ? cover(run.segments, frame) : run.segments;
  const isRepeated =
    frame.kind === 'chunks' ? segments === run.segments : frame.kind === 'end' ? run.end !== undefined : false;
  const end = run.end ?? frame.end;
  return {
    ...run,
    segments,
    length: Math.max(run.length, frame.next),
    frames: run.frames + 1,
    repeated: run.repeated + (isRepeated ? 1 : 0),
    ...(end && { end }),
  };
}

/** Adds what is new of `added`; the same list where nothing is. */
function cover(segments: readonly Segment[], { way, at, next }: Segment): readonly Segment[] {
  let pieces: readonly Segment[] = [{ way, at, next }];
  for (const known of segments) pieces = pieces.flatMap((piece) => without(piece, known));
  if (pieces.length === 0) return segments;
  const all = [...segments, ...pieces].toSorted((one, other) => one.at - other.at);
  const merged: Segment[] = [];
  for (const segment of all) {
    const last = merged.at(-1);
    if (last?.way === segment.way && last.next === segment.at)
      merged[merged.length - 1] = { ...last, next: segment.next };
    else merged.push(segment);
  }
  return merged;
}

function without(piece: Segment, known: Segment): Segment[] {
  const before = { ...piece, next: Math.min(piece.next, known.at) };
  const behind = { ...piece, at: Math.max(piece.at, known.next) };
  return [before, behind].filter(({ at, next }) => at < next);
}
