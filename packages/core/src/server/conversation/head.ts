import type { UIMessage } from 'ai';
import type { ChatState, RunRecord } from '../../log/run-log.ts';
import type { EndReason } from '../../wire/frame.ts';
import type { Engine } from '../engine.ts';
import type { FoldedRun } from '../run/whole-runs.ts';
import { withRun } from './history.ts';

/** A chat as `GET {api}/{chatId}` reports it. */
export interface ChatStateView {
  /** The newest run's turn; 0 for a chat without runs. */
  readonly turn: number;
  /** Set where the chat was deleted at `turn` and no run has begun since: it is empty. */
  readonly deleted?: true;
  /** The run that is not over. Its answer in `messages` holds the offsets before `next`; `from` is the client that sent it. */
  readonly active?: {
    readonly runId: string;
    readonly turn: number;
    readonly messageId: string;
    readonly next: number;
    readonly from: string;
    /** Which of the run's writers writes it, or did last: more than 1 where it was continued. */
    readonly attempt: number;
  };
  /** The newest runs, oldest first. Absent for a chat without runs. */
  readonly runs?: readonly {
    readonly runId: string;
    readonly turn: number;
    /** The client that sent it. */
    readonly from: string;
    /** The assistant message that it writes. */
    readonly messageId: string;
    /** How many writers it has had. */
    readonly attempt: number;
    /** How it ended; `at` is its number of offsets. */
    readonly end?: { readonly reason: EndReason; readonly at: number };
  }[];
  /** How the newest run of each message ended, by message id, for the runs above. A message that is being written has none. */
  readonly outcomes?: Readonly<Record<string, EndReason>>;
  /** The conversation, with the newest run's answer so far; absent where nobody keeps it. */
  readonly messages?: readonly UIMessage[];
}

/** The chat's conversation as the server knows it. */
export interface Head {
  readonly state: ChatState;
  /** The newest run's own writing, while the log has it. */
  readonly newest: FoldedRun | undefined;
  /** The app's history, else the log's, with the newest run's answer. */
  readonly messages: readonly UIMessage[];
}

/** Whether the chat was deleted and no run has begun since. */
export function isEmptied({ turn, deletedTurn }: ChatState): boolean {
  return turn === deletedTurn;
}

/** Reads a chat's head, for a caller that may change its messages. `party`: who takes turns for it. @throws what `loadMessages` throws. */
export async function readHead(engine: Engine, chatId: string, party: string = chatId): Promise<Head> {
  const { state, history, newest } = await readParts(engine, chatId, party);
  const own = newest?.message && { ...newest, message: structuredClone(newest.message) };
  return headOf(state, history, own ?? newest);
}

/**
 * A chat as its clients see it, as JSON: read and encoded once for all who ask together, and sent to one of them in each turn of the event loop.
 * @throws what `loadMessages` throws.
 */
export async function readStateText(engine: Engine, chatId: string, party: string): Promise<string> {
  const read = async (): Promise<string> => {
    const { state, history, newest } = await readParts(engine, chatId, party);
    return JSON.stringify(viewOf(headOf(state, history, newest)));
  };
  const text = await engine.states.call(chatId, 'view', read, party);
  await engine.turns.take(party);
  return text;
}

interface HeadParts {
  readonly state: ChatState;
  /** The app's history, else the log's. */
  readonly history: readonly UIMessage[];
  /** Shared with other readers. */
  readonly newest: FoldedRun | undefined;
}

async function readParts(engine: Engine, chatId: string, party: string): Promise<HeadParts> {
  const { log, loadMessages } = engine.options;
  const state = await log.state(chatId);
  const [history, newest] = await Promise.all([
    // The app may delete its own copy later.
    loadMessages && !isEmptied(state) ? loadMessages(chatId) : state.messages,
    foldNewest(engine, state, party),
  ]);
  return { state, history, newest };
}

function headOf(state: ChatState, history: readonly UIMessage[], newest: FoldedRun | undefined): Head {
  if (!newest) return { state, newest, messages: history };
  const { start } = newest.run;
  // What the run before has come to may not be saved yet: the log has what the newest one answers.
  const isBehind = !state.runs.at(-1)?.end || (start.before !== null && history.every(({ id }) => id !== start.before));
  return { state, newest, messages: withRun(isBehind ? state.messages : history, start, newest.message) };
}

/** The newest run's writing, as far as the log has it. */
async function foldNewest(engine: Engine, state: ChatState, party: string): Promise<FoldedRun | undefined> {
  const run = state.runs.findLast(({ turn }) => turn === state.turn);
  if (!run) return;
  noteLost(engine, run);
  return engine.runs.fold(run, party);
}

/** A run whose lease expired is lost, or waits for its next writer: the first process that sees it deals with it. */
export function noteLost(engine: Engine, run: RunRecord): void {
  engine.continuations.found(run);
  if (run.end?.reason === 'lost') engine.finisher.foundLost(run);
}

/** The state for clients. */
export function viewOf({ state, newest, messages }: Head): ChatStateView {
  const { turn, runs } = state;
  if (isEmptied(state)) return { turn, deleted: true };
  if (turn === 0) return messages.length > 0 ? { turn, messages } : { turn };
  const active = newest && !newest.run.end ? newest.run : undefined;
  // The newest run as its frames were read: a run may have ended since the state was.
  const known = runs.map((run) => (run.runId === newest?.run.runId ? newest.run : run));
  const ends = new Map(known.map(({ start, end }) => [start.messageId, end?.reason]));
  return {
    turn,
    ...(active && {
      active: {
        runId: active.runId,
        turn: active.turn,
        messageId: active.start.messageId,
        next: newest?.next ?? 0,
        from: active.start.from,
        attempt: active.attempt,
      },
    }),
    runs: known.map(({ runId, turn: runTurn, start, attempt, next, end }) => {
      const { from, messageId } = start;
      return { runId, turn: runTurn, from, messageId, attempt, ...(end && { end: { reason: end.reason, at: next } }) };
    }),
    outcomes: Object.fromEntries([...ends].flatMap(([id, reason]) => (reason ? [[id, reason]] : []))),
    ...(messages.length > 0 && { messages }),
  };
}
