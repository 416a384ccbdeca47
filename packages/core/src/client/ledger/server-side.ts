import type { ChatTransportError } from '../../errors.ts';
import type { EndReason, StartFrame } from '../../wire/frame.ts';
import type { ChatSnapshot, ChatUpdate } from '../chat-update.ts';

/** How many ended runs are remembered by their final offset. */
const maxEnded = 16;

/** A run as the server names it. `from` is the `clientId` of its sender, where it is known. */
export interface KnownRun {
  readonly runId: string;
  readonly turn: number;
  readonly from?: string | undefined;
  readonly messageId?: string | undefined;
}

/** A run that is over. `at` is its number of offsets, where it is known. */
export interface EndedRun {
  readonly runId: string;
  readonly reason: EndReason;
  readonly at?: number | undefined;
}

/**
 * The read of the chat's state. `hasNews`: something was heard after the request left, and a response that contradicts what is known is older than
 * that news; without news in between, the log has lost what this device knew. `isNeeded`: another read has to follow. `failed`: the same request
 * would fail again, and is made again when the chat has news, or when the user or the page tries again.
 */
export type Reading =
  | { readonly kind: 'none' | 'needed' }
  | { readonly kind: 'failed'; readonly error: ChatTransportError }
  | { readonly kind: 'requested'; readonly hasNews: boolean; readonly isNeeded: boolean };

/** What the server is known to have. */
export interface ServerSide {
  /** The newest turn that anything named. */
  readonly turn: number;
  /** The newest turn that is known to be over. */
  readonly endedTurn: number;
  /** The run that is not over. */
  readonly active: KnownRun | undefined;
  /** The newest run: its sender runs the client tools. */
  readonly newest: KnownRun | undefined;
  /** The start frame of the newest run whose start came. */
  readonly start: StartFrame | undefined;
  readonly ended: readonly EndedRun[];
  /** How the answers ended, by the id of their message. */
  readonly outcomes: Readonly<Record<string, EndReason>>;
  readonly reading: Reading;
  /** Whether anybody watches the chat, and the turn up to which the watchers were informed. */
  readonly watched: { readonly kind: 'no' | 'waiting' } | { readonly kind: 'informed'; readonly turn: number };
}

/** What a transition changes, and what the watchers are informed of. */
export interface ServerTransition {
  readonly server: ServerSide;
  readonly updates: readonly ChatUpdate[];
}

export const unknownServer: ServerSide = {
  turn: 0,
  endedTurn: 0,
  active: undefined,
  newest: undefined,
  start: undefined,
  ended: [],
  outcomes: {},
  reading: { kind: 'none' },
  watched: { kind: 'no' },
};

/** The turn up to which the watchers were informed. */
export function informedTurn({ watched }: ServerSide): number | undefined {
  return watched.kind === 'informed' ? watched.turn : undefined;
}

/** The state has to be read, also when a read is under way: its response may be older than this need. */
export function needRead(server: ServerSide): ServerSide {
  if (server.watched.kind === 'no') return server;
  const { reading } = server;
  return { ...server, reading: reading.kind === 'requested' ? { ...reading, isNeeded: true } : { kind: 'needed' } };
}

/** A state came by another way, or nobody wants one any more. */
export function withoutFailure(reading: Reading): Reading {
  return reading.kind === 'failed' ? { kind: 'none' } : reading;
}

/** A start frame came, by any path. */
export function startHeard(server: ServerSide, frame: StartFrame): ServerTransition {
  const { run: runId, turn, start } = frame;
  const isNewer = turn > (server.start?.turn ?? 0);
  return runHeard(isNewer ? { ...server, start: frame } : server, { runId, turn }, start);
}

/** A run began: the watchers learn of it in order, and the state is read where a turn is missing. */
export function runHeard(server: ServerSide, { runId, turn }: KnownRun, start?: StartFrame['start']): ServerTransition {
  const isNews = turn > server.turn;
  // A run that nobody here has heard of, at a turn that should be known: it is late, or the log has lost what came after it.
  let next = isNews ? news({ ...server, turn }) : isKnown(server, runId) ? server : needRead(server);
  if (isNews && turn > server.endedTurn) next = { ...next, active: { runId, turn } };
  next = { ...next, newest: newer(next.newest, { runId, turn, from: start?.from, messageId: start?.messageId }) };
  const informed = informedTurn(next);
  if (informed === undefined || turn <= informed) return { server: next, updates: [] };
  if (turn > informed + 1 || (start && !start.tail)) return { server: needRead(next), updates: [] };
  return {
    server: { ...next, watched: { kind: 'informed', turn } },
    updates: [{ type: 'start', runId, turn, ...(start && { start }) }],
  };
}

/** A run ended. */
export function endHeard(server: ServerSide, { runId, reason, at, turn }: EndedRun & KnownRun): ServerTransition {
  const isNews = turn > server.endedTurn || server.active?.runId === runId;
  const ended = withEnded(server.ended, { runId, reason, at });
  const { messageId } = [server.newest, server.active].find((run) => run?.runId === runId) ?? {};
  const outcomes = messageId ? { ...server.outcomes, [messageId]: reason } : server.outcomes;
  const known = { ...server, ended, outcomes, endedTurn: Math.max(server.endedTurn, turn) };
  const next = isNews ? news(known) : known;
  const behind = turn > server.turn ? needRead(next) : next;
  if (behind.active?.runId !== runId) return { server: behind, updates: [] };
  return { server: { ...behind, active: undefined }, updates: [{ type: 'end', runId, turn, reason }] };
}

/** The answer's first chunk names the message that a run writes: a run that this device sent may have no other news of it. */
export function messageNamed(server: ServerSide, runId: string, messageId: string): ServerSide {
  const { newest } = server;
  if (newest?.runId !== runId || newest.messageId) return server;
  return { ...server, newest: { ...newest, messageId } };
}

/** Whether nothing has announced a run, a part of which came: it is newer than what is known, late, or the log has lost what was known. */
export function isUnannounced(server: ServerSide, { runId, turn }: KnownRun): boolean {
  return turn > server.turn || !isKnown(server, runId);
}

/** A state came: the response to a read, or (`isAsked` false) with the refusal of a send. */
export function stateRead(
  server: ServerSide,
  state: ChatSnapshot,
  isAsked: boolean,
): ServerTransition & { readonly isTaken: boolean } {
  const { reading } = server;
  const isContradiction = state.turn < server.turn || (!!state.active && state.active.turn <= server.endedTurn);
  const request = isAsked && reading.kind === 'requested' ? reading : undefined;
  const isOld = isContradiction && request?.hasNews !== false;
  if (isOld) {
    const unread = isAsked ? { ...server, reading: { kind: 'none' } as const } : server;
    return { server: needRead(unread), updates: [], isTaken: false };
  }
  const { turn, active, runs = [] } = state;
  const last = runs.at(-1);
  const base = isContradiction ? { ...unknownServer, watched: server.watched } : server;
  const isWatched = server.watched.kind !== 'no';
  const ends = runs.flatMap(({ runId, end }) => (end ? [{ runId, reason: end.reason, at: end.at }] : []));
  const next: ServerSide = {
    ...base,
    turn,
    active: active && { ...active, from: last?.runId === active.runId ? last.from : undefined },
    newest: last ?? base.newest,
    endedTurn: Math.max(base.endedTurn, active ? active.turn - 1 : turn),
    ended: ends.reduce(withEnded, base.ended),
    outcomes: outcomesOf(base, state),
    reading: isAsked ? { kind: request?.isNeeded ? 'needed' : 'none' } : withoutFailure(base.reading),
    watched: isWatched ? { kind: 'informed', turn } : base.watched,
  };
  return { server: next, updates: isWatched ? [{ type: 'state', state }] : [], isTaken: true };
}

/** How answers ended: what the state names, and what was heard of runs that it does not name any more. */
function outcomesOf({ outcomes }: ServerSide, state: ChatSnapshot): ServerSide['outcomes'] {
  const ofRuns = (state.runs ?? []).flatMap(({ messageId, end }) =>
    messageId && end ? [[messageId, end.reason]] : [],
  );
  return { ...outcomes, ...state.outcomes, ...Object.fromEntries(ofRuns) };
}

/** Whether the stream of a run that ended so says why in an error. */
export function isFailure(reason: EndReason | undefined): boolean {
  return reason === 'error' || reason === 'deadline' || reason === 'lost';
}

/** The newest run, where it has failed: a device that showed the beginning of its answer reads the error from its stream. */
export function failedRun({ newest, ended }: ServerSide): KnownRun | undefined {
  return isFailure(ended.find(({ runId }) => runId === newest?.runId)?.reason) ? newest : undefined;
}

function withEnded(ended: readonly EndedRun[], run: EndedRun): readonly EndedRun[] {
  return [...ended.filter(({ runId }) => runId !== run.runId), run].slice(-maxEnded);
}

function isKnown({ newest, active, ended }: ServerSide, runId: string): boolean {
  return [newest, active, ...ended].some((run) => run?.runId === runId);
}

function newer(old: KnownRun | undefined, run: KnownRun): KnownRun {
  if (old?.runId === run.runId)
    return { ...old, ...run, from: run.from ?? old.from, messageId: run.messageId ?? old.messageId };
  return old && old.turn > run.turn ? old : run;
}

function news(server: ServerSide): ServerSide {
  const { reading } = server;
  return reading.kind === 'requested' ? { ...server, reading: { ...reading, hasNews: true } } : server;
}
