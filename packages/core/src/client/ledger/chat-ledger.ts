import type { ChatTransportError } from '../../errors.ts';
import type { StartFrame } from '../../wire/frame.ts';
import type { ChatSnapshot, ChatUpdate } from '../chat-update.ts';
import { answeredCalls } from '../own-answers.ts';
import * as goes from './let-go.ts';
import * as own from './outbox.ts';
import * as server from './server-side.ts';
import * as shown from './shown.ts';

/** What one device knows about one chat. Pure: no clock and no I/O. Everything else is derived from it. */
export interface ChatLedger {
  readonly server: server.ServerSide;
  readonly shown: shown.Shown;
  readonly outbox: own.Outbox;
  /** The run of the newest send, as it was sent. */
  readonly sent: string | undefined;
  readonly letGo: goes.LetGoRuns;
  /** Whether the server lets this device read the chat. */
  readonly access: { readonly kind: 'granted' } | { readonly kind: 'refused'; readonly error: ChatTransportError };
  /** The assistant messages whose tool calls or approvals were answered on this page. */
  readonly answered: readonly string[];
  /** The calls that were answered on this page, and whose answers no send has carried yet. */
  readonly unsentAnswers: readonly string[];
  /** Errors that the AI SDK's chat has not received, because they came after its call was over. */
  readonly unreported: readonly unknown[];
  /** The run whose client tools this device has taken over. */
  readonly claimedRun: string | undefined;
}

export type LedgerEvent =
  /** Somebody began, or ended, to watch the chat. */
  | { readonly type: 'watched' | 'unwatched' }
  /** The state has to be read, is being read. */
  | { readonly type: 'read-needed' | 'read-requested' }
  /** The state could not be read. `isFinal`: another try would fail, too; `error`: why, where `access` does not say so. */
  | { readonly type: 'read-failed'; readonly isFinal: boolean; readonly error?: ChatTransportError | undefined }
  | { readonly type: 'state-read'; readonly state: ChatSnapshot; readonly isAsked: boolean }
  | { readonly type: 'start-heard'; readonly frame: StartFrame }
  | ({ readonly type: 'end-heard' } & server.EndedRun & server.KnownRun)
  | { readonly type: 'message-named'; readonly runId: string; readonly messageId: string }
  | { readonly type: 'sent'; readonly send: Omit<own.OwnSend, 'state' | 'error'> }
  /** A send of this device has begun `runId`; the server may have joined it to a run with another id than was sent. */
  | ({ readonly type: 'began' } & shown.OwnBegin)
  /** The server has the messages of a send already, with another run. */
  | { readonly type: 'known'; readonly runId: string }
  /** A send was refused. `isReported`: the AI SDK's chat receives the error from the call. */
  | { readonly type: 'refused'; readonly runId: string; readonly error: unknown; readonly isReported: boolean }
  /** The server has refused to stop a run: its answer goes on, and is shown again. */
  | { readonly type: 'stop-refused'; readonly runId: string; readonly error: unknown }
  /** The server has refused, or nothing has answered, to whom a client tool's call belongs: it does not run here. */
  | { readonly type: 'claim-failed'; readonly error: unknown }
  /** The chat shows what was unreported. */
  | { readonly type: 'reported' }
  | { readonly type: 'discarded'; readonly messageId: string }
  | ({ readonly type: 'stream-opened' } & shown.HandedStream)
  /** `endedAt`: the run's number of offsets, where the stream was read to the run's end. */
  | { readonly type: 'stream-closed'; readonly runId: string; readonly endedAt: number | undefined }
  | {
      readonly type: 'messages-taken';
      readonly place: shown.Place;
      readonly isIdle: boolean;
      readonly messageIds: readonly string[];
    }
  /** The chat shows what a run has recorded, which goes on with no answer: a message that still waits for answers. */
  | { readonly type: 'answers-shown'; readonly frame: StartFrame }
  | { readonly type: 'place-lost' }
  /** `syncChat` keeps a chat that shows these messages. */
  | { readonly type: 'synchronized'; readonly messageIds: readonly string[] }
  /** A page without `syncChat` learned which turn its messages are from. */
  | { readonly type: 'page-at'; readonly turn: number }
  | { readonly type: 'let-go'; readonly runId: string; readonly kind: goes.LetGo['kind'] }
  | { readonly type: 'taken-back'; readonly runId: string }
  | { readonly type: 'claimed'; readonly runId: string }
  | { readonly type: 'answered'; readonly messageId: string; readonly toolCallId: string }
  | { readonly type: 'access-refused'; readonly error: ChatTransportError }
  | { readonly type: 'access-granted' };

/** The ledger after an event, and what those who watch the chat are informed of. */
export interface Transition {
  readonly ledger: ChatLedger;
  readonly updates: readonly ChatUpdate[];
}

export const emptyLedger: ChatLedger = {
  server: server.unknownServer,
  shown: shown.nothingShown,
  outbox: [],
  sent: undefined,
  letGo: [],
  access: { kind: 'granted' },
  claimedRun: undefined,
  unreported: [],
  answered: [],
  unsentAnswers: [],
};

/** How many messages, and how many calls, are remembered that were answered on this page. */
const maxAnswered = 32;

/** What is to be done next, as far as the ledger says. */
export interface Needs {
  /** The chat's state has to be read. */
  readonly read: boolean;
}

export function needsOf({ server: { reading, watched }, access }: ChatLedger): Needs {
  return { read: reading.kind === 'needed' && watched.kind !== 'no' && access.kind === 'granted' };
}

/** A ledger whose server side has changed. */
function heard({ server: next, updates }: server.ServerTransition, ledger: ChatLedger): Transition {
  return { ledger: { ...ledger, server: next }, updates };
}

/** The one transition function of a chat. */
export function reduce(ledger: ChatLedger, event: LedgerEvent): Transition {
  const same = (next: Partial<ChatLedger>): Transition => ({ ledger: { ...ledger, ...next }, updates: [] });
  switch (event.type) {
    case 'watched': {
      const { watched } = ledger.server;
      const waiting = watched.kind === 'no' ? ({ kind: 'waiting' } as const) : watched;
      return same({ server: server.needRead({ ...ledger.server, watched: waiting }) });
    }
    case 'unwatched': {
      const reading = server.withoutFailure(ledger.server.reading);
      return same({ server: { ...ledger.server, reading, watched: { kind: 'no' } } });
    }
    case 'read-needed':
      return same({ server: server.needRead(ledger.server) });
    case 'read-requested':
      return same({ server: { ...ledger.server, reading: { kind: 'requested', hasNews: false, isNeeded: false } } });
    case 'read-failed':
      return same({ server: { ...ledger.server, reading: failedReading(event) } });
    case 'state-read':
      return stateRead(ledger, event);
    case 'start-heard': {
      const {
        run,
        start: { tail = [] },
      } = event.frame;
      return heard(server.startHeard(ledger.server, event.frame), accepted(ledger, [run, ...tail.map(({ id }) => id)]));
    }
    case 'end-heard':
      return whole(heard(server.endHeard(ledger.server, event), ledger));
    case 'message-named':
      return same({ server: server.messageNamed(ledger.server, event.runId, event.messageId) });
    case 'sent':
      return same({
        outbox: own.sent(ledger.outbox, event.send),
        sent: event.send.runId,
        // An edit of a message that the server has stays a shared message, also under another id.
        shown: ledger.shown.seen.has(event.send.messageId)
          ? shown.shared(ledger.shown, [own.shownId(event.send)])
          : ledger.shown,
        unsentAnswers: ledger.unsentAnswers.filter((id) => !answeredCalls(event.send.message).includes(id)),
      });
    case 'began':
      return began(ledger, event);
    case 'known':
      // The other send may have lacked the answers to calls that this one took along, and that are shown.
      return same(readAgain(accepted(ledger, [event.runId])));
    case 'refused':
      // What the chat has cut for this send is put back; and the server may have begun what it did not answer.
      return same({
        ...readAgain(ledger),
        outbox: own.refused(ledger.outbox, event.runId, event.error),
        unreported: event.isReported ? ledger.unreported : [...ledger.unreported, event.error],
      });
    case 'stop-refused':
      return same({
        ...readAgain(ledger),
        letGo: goes.takenBack(ledger.letGo, event.runId),
        unreported: [...ledger.unreported, event.error],
      });
    case 'claim-failed':
      return same({ unreported: [...ledger.unreported, event.error] });
    case 'reported':
      return same({ unreported: [] });
    case 'discarded':
      return same({
        ...readAgain(ledger),
        outbox: own.discarded(ledger.outbox, event.messageId),
        answered: ledger.answered.filter((id) => id !== event.messageId),
      });
    case 'stream-opened':
      return whole(same({ shown: shown.streamOpened(ledger.shown, event) }));
    case 'stream-closed':
      return whole(same({ shown: shown.streamClosed(ledger.shown, event.runId, event.endedAt) }));
    case 'messages-taken':
      return same({ shown: shown.messagesTaken(ledger.shown, event) });
    case 'answers-shown':
      return whole(same({ shown: shown.answersShown(ledger.shown, event.frame) }));
    case 'place-lost':
      return same({ shown: shown.lost(ledger.shown) });
    case 'synchronized': {
      // Kept over a second `syncChat` of the same chat: what is shown has not changed.
      return same({
        shown: ledger.shown.isSynchronized
          ? ledger.shown
          : { ...shown.shared(ledger.shown, event.messageIds), isSynchronized: true },
      });
    }
    case 'page-at':
      return same({ shown: { ...ledger.shown, baseTurn: ledger.shown.baseTurn ?? event.turn } });
    case 'let-go':
      return same({ letGo: goes.letGo(ledger.letGo, event) });
    case 'taken-back':
      return same({ letGo: goes.takenBack(ledger.letGo, event.runId) });
    case 'claimed':
      return same({ claimedRun: event.runId });
    case 'answered': {
      const others = ledger.answered.filter((id) => id !== event.messageId);
      const answered = [...others, event.messageId].slice(-maxAnswered);
      return same({ answered, unsentAnswers: [...ledger.unsentAnswers, event.toolCallId].slice(-maxAnswered) });
    }
    case 'access-refused':
      return same({ access: { kind: 'refused', error: event.error } });
    case 'access-granted':
      return same(
        ledger.access.kind === 'granted' ? {} : { access: emptyLedger.access, server: server.needRead(ledger.server) },
      );
  }
}

function failedReading({ isFinal, error }: Extract<LedgerEvent, { type: 'read-failed' }>): server.Reading {
  if (!isFinal) return { kind: 'needed' };
  return error ? { kind: 'failed', error } : { kind: 'none' };
}

/** Why the server, or what answers in its place, does not let this device read the chat. */
export function readError({ access, server: { reading } }: ChatLedger): ChatTransportError | undefined {
  return access.kind === 'refused' ? access.error : reading.kind === 'failed' ? reading.error : undefined;
}

/** It is not certain any more what is shown, and the state has to be read. */
function readAgain(ledger: ChatLedger): ChatLedger {
  return { ...ledger, shown: shown.lost(ledger.shown), server: server.needRead(ledger.server) };
}

/** Reads the state where what is shown as a whole answer ended at another offset than the log says. */
function whole(transition: Transition): Transition {
  const { ledger } = transition;
  if (!shown.isContradicted(ledger.shown, ledger.server.ended)) return transition;
  return { ...transition, ledger: readAgain(ledger) };
}

function stateRead(ledger: ChatLedger, { state, isAsked }: Extract<LedgerEvent, { type: 'state-read' }>): Transition {
  const transition = server.stateRead(ledger.server, state, isAsked);
  if (!transition.isTaken) return heard(transition, ledger);
  const { runs = [], messages = [] } = state;
  const now = { ...ledger, shown: { ...ledger.shown, baseTurn: state.turn } };
  return whole(heard(transition, accepted(now, [...runs.map(({ runId }) => runId), ...messages.map(({ id }) => id)])));
}

/**
 * The server has sends of this device, by the `ids` of their runs or messages. Their messages are shared from here on, also where the chat cannot
 * take over what says so.
 */
function accepted(ledger: ChatLedger, ids: readonly string[]): ChatLedger {
  const { outbox } = ledger;
  const sends = outbox.filter((send) => [send.runId, ...own.ownMessages([send])].some((id) => ids.includes(id)));
  if (sends.length === 0) return ledger;
  return {
    ...ledger,
    outbox: outbox.filter((send) => !sends.includes(send)),
    shown: shown.shared(ledger.shown, sends.map(own.shownId)),
  };
}

function began(ledger: ChatLedger, event: Extract<LedgerEvent, { type: 'began' }>): Transition {
  const { sentRunId, runId, turn, messageIds } = event;
  const place = shown.ownBegan(ledger.shown, event);
  const taken = messageIds.filter((id) => place.seen.has(id));
  const { updates, server: next } = server.runHeard(ledger.server, { runId, turn });
  // A server that takes this device's message has given access back, whatever it answered before.
  const isBack = ledger.access.kind === 'refused';
  // A run that this send was joined to may lack the answers to calls that it took along, and that are shown.
  const needsRead = isBack || runId !== sentRunId || (place.isSynchronized && place.place.kind === 'uncertain');
  return heard(
    { updates, server: needsRead ? server.needRead(next) : next },
    accepted({ ...ledger, shown: place, access: emptyLedger.access }, [sentRunId, ...taken]),
  );
}

/** The newest turn that a send may claim to have seen. Unknown counts as 0. */
export function baseTurnOf({ shown: now }: ChatLedger): number {
  return (now.isSynchronized ? shown.shownTurn(now) : now.baseTurn) ?? 0;
}

/** The next step from what a synchronized chat shows to what the log has. */
export type NextStep =
  | { readonly kind: 'none' | 'read' }
  | { readonly kind: 'apply'; readonly frame: StartFrame }
  | { readonly kind: 'resume'; readonly runId: string };

export function nextStep({ server: log, shown: now, letGo }: ChatLedger): NextStep {
  const { turn, start, active, reading } = log;
  // The chat's state is applied when it arrives.
  if (reading.kind !== 'none' && now.place.kind === 'uncertain') return { kind: 'none' };
  const whole = shown.wholeTurn(now);
  if (whole !== undefined) {
    if (whole >= turn) return { kind: 'none' };
    return start?.turn === whole + 1 ? { kind: 'apply', frame: start } : { kind: 'read' };
  }
  const at = shown.shownTurn(now);
  const candidates = [active, start && { runId: start.run, turn: start.turn }, server.failedRun(log)];
  // Each run has a turn: none is found where it is not certain what is shown.
  const run = candidates.find((each) => each?.turn === at);
  if (!run) return { kind: 'read' };
  if (!goes.isLetGo(letGo, run.runId)) return { kind: 'resume', runId: run.runId };
  // The end of a run that was stopped here is heard; what the answer came to is read then.
  return { kind: active?.runId === run.runId ? 'none' : 'read' };
}
