import type { StartFrame } from '../../wire/frame.ts';
import type { EndedRun } from './server-side.ts';

/**
 * How much of the conversation a synchronized chat shows for certain. `uncertain`: the state has to be read. `question`: the turn's question
 * and everything before it. `whole`: its answer, too.
 */
export type Place = { readonly kind: 'uncertain' } | { readonly kind: 'question' | 'whole'; readonly turn: number };

/** The stream that the chat was handed last. `cut`: the chat, or the stream, stopped before the run's end. */
export type ShownStream =
  | { readonly kind: 'none' }
  | { readonly kind: 'open' | 'cut'; readonly runId: string; readonly turn: number }
  /** `at`: the number of offsets that it brought. */
  | { readonly kind: 'ended'; readonly runId: string; readonly turn: number; readonly at: number };

/** What this device shows. */
export interface Shown {
  /** Whether `syncChat` keeps a chat at what the log has. Without it, `place` is not known. */
  readonly isSynchronized: boolean;
  readonly place: Place;
  readonly stream: ShownStream;
  /** The newest turn whose messages this page has, for a chat that nothing keeps synchronized; unknown before the first news. */
  readonly baseTurn: number | undefined;
  /** The ids of messages that the chat has shown and shares with the server. */
  readonly seen: ReadonlySet<string>;
}

export const nothingShown: Shown = {
  isSynchronized: false,
  place: { kind: 'uncertain' },
  stream: { kind: 'none' },
  baseTurn: undefined,
  seen: new Set(),
};

/** The turn whose answer is shown to its end; a stream that was read to the run's end counts. */
export function wholeTurn({ place, stream }: Shown): number | undefined {
  if (place.kind === 'uncertain') return;
  if (place.kind === 'whole') return place.turn;
  return stream.kind === 'ended' && stream.turn === place.turn ? place.turn : undefined;
}

/** The turn whose question, and everything before it, is shown. */
export function shownTurn({ place }: Shown): number | undefined {
  return place.kind === 'uncertain' ? undefined : place.turn;
}

/** It is not certain any more what is shown. */
export function lost(shown: Shown): Shown {
  return { ...shown, place: { kind: 'uncertain' }, stream: { kind: 'none' } };
}

/** The server has messages that the chat shows. */
export function shared(shown: Shown, messageIds: readonly string[]): Shown {
  return { ...shown, seen: new Set([...shown.seen, ...messageIds]) };
}

/** A stream that is handed to the chat. */
export interface HandedStream {
  readonly runId: string;
  readonly turn: number;
  /** The run's number of offsets, where all of it is in the stream already. */
  readonly endedAt?: number | undefined;
}

/** A stream was handed to the chat. What was whole before it stays whole. */
export function streamOpened(shown: Shown, { runId, turn, endedAt }: HandedStream): Shown {
  const whole = wholeTurn(shown);
  const place: Place = whole === undefined ? shown.place : { kind: 'whole', turn: whole };
  const run = { runId, turn };
  return {
    ...shown,
    place,
    stream: endedAt === undefined ? { kind: 'open', ...run } : { kind: 'ended', ...run, at: endedAt },
  };
}

/** The stream is over: at the run's end, which it says is at `endedAt`, or before it. */
export function streamClosed(shown: Shown, runId: string, endedAt: number | undefined): Shown {
  const { stream } = shown;
  if (stream.kind === 'none' || stream.runId !== runId) return shown;
  const { turn } = stream;
  const isEnded = endedAt !== undefined && stream.kind === 'open';
  return { ...shown, stream: isEnded ? { kind: 'ended', runId, turn, at: endedAt } : { kind: 'cut', runId, turn } };
}

/** Whether a stream that was read to its end stopped at another offset than the run: what is shown is not the whole answer then. */
export function isContradicted({ stream }: Shown, ended: readonly EndedRun[]): boolean {
  if (stream.kind !== 'ended') return false;
  const at = ended.find(({ runId }) => runId === stream.runId)?.at;
  return at !== undefined && at !== stream.at;
}

/** The beginning of a run that this device sent as `sentRunId`; the server may have joined it to another run. */
export interface OwnBegin {
  readonly sentRunId: string;
  readonly runId: string;
  readonly turn: number;
  /** The messages that the send added. */
  readonly messageIds: readonly string[];
  /** Whether it goes on with an answer that is there already. */
  readonly isContinued: boolean;
}

/**
 * A run that this device sent has begun: its question is shown behind all that the chat has, or somewhere behind it. Behind what this device has
 * not heard of, such as a deletion, the server has the newest of the messages; the state says whether it has taken the others along.
 */
export function ownBegan(shown: Shown, { sentRunId, runId, turn, messageIds, isContinued }: OwnBegin): Shown {
  const { stream } = shown;
  const isShown = stream.kind !== 'none' && stream.runId === sentRunId;
  // Once its call is over, the chat may have taken over what the send had cut, or be without what it had added.
  const isOpen = isShown && stream.kind === 'open';
  // Another device's answers to calls may count there, and not those in this device's copy.
  const isOther = isContinued && runId !== sentRunId;
  const isKnown = !isOther && shownTurn(shown) === turn;
  const isNext = isOpen && !isOther && wholeTurn(shown) === turn - 1;
  const taken = isKnown || isNext || !shown.isSynchronized ? messageIds : messageIds.slice(-1);
  const next: Shown = {
    ...shared(shown, taken),
    baseTurn: turn,
    stream: isShown ? { ...stream, runId, turn } : stream,
  };
  if (isKnown) return next;
  if (isNext) return { ...next, place: { kind: 'question', turn } };
  // The stream goes on in this device's copy of the answer, which lacks what others have added: its end is not the whole.
  return { ...(isContinued ? streamClosed(next, runId, undefined) : next), place: { kind: 'uncertain' } };
}

/** The chat shows the answers to calls that a run recorded: such a run has its `start` chunk and nothing else to show. */
export function answersShown(shown: Shown, { run, turn, start: { tail = [] } }: StartFrame): Shown {
  const taken = { place: { kind: 'whole', turn } as const, isIdle: true, messageIds: tail.map(({ id }) => id) };
  return { ...messagesTaken(shown, taken), stream: { kind: 'ended', runId: run, turn, at: 1 } };
}

/** The chat took over messages. `isIdle`: no stream of the chat's goes on in them. */
export function messagesTaken(
  shown: Shown,
  taken: { readonly place: Place; readonly isIdle: boolean; readonly messageIds: readonly string[] },
): Shown {
  const { place, isIdle, messageIds } = taken;
  return {
    ...shared(shown, messageIds),
    place,
    // The end of a stream that was shown may still be contradicted.
    stream: isIdle && shown.stream.kind !== 'ended' ? { kind: 'none' } : shown.stream,
  };
}
