import type { UIMessage } from 'ai';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatSnapshot } from '../../../src/client/chat-update.ts';
import {
  baseTurnOf,
  type ChatLedger,
  emptyLedger,
  type LedgerEvent,
  needsOf,
  nextStep,
  reduce,
} from '../../../src/client/ledger/chat-ledger.ts';
import { ChatTransportError } from '../../../src/errors.ts';
import type { EndReason, StartFrame } from '../../../src/wire/frame.ts';

const message = (id: string): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text: id }] });
const busy = new ChatTransportError({ code: 'busy', message: 'Another answer is being written.' });
const forbidden = new ChatTransportError({ code: 'forbidden', message: 'Not your chat.' });

const watched: LedgerEvent = { type: 'watched' };
const synchronized: LedgerEvent = { type: 'synchronized', messageIds: [] };
const asked: LedgerEvent = { type: 'read-requested' };
const state = (turn: number, over: Partial<ChatSnapshot> = {}, isAsked = true): LedgerEvent => ({
  type: 'state-read',
  state: { turn, ...over },
  isAsked,
});
const start = (run: string, turn: number, from = 'other'): LedgerEvent & { readonly frame: StartFrame } => ({
  type: 'start-heard',
  frame: {
    v: 1,
    run,
    turn,
    start: { trigger: 'submit-message', from, messageId: `answer-${turn}`, before: null, tail: [message(`u${turn}`)] },
  },
});
const end = (runId: string, turn: number, reason: EndReason = 'finish', at = 9): LedgerEvent => ({
  type: 'end-heard',
  runId,
  turn,
  reason,
  at,
});
const sent = (runId: string, id: string): LedgerEvent => ({
  type: 'sent',
  send: { runId, kind: 'message', messageId: id, message: message(id) },
});
const opened = (runId: string): LedgerEvent => ({ type: 'stream-opened', runId, turn: 0 });
const began = (runId: string, turn: number, ...messageIds: string[]): LedgerEvent => ({
  type: 'began',
  sentRunId: runId,
  runId,
  turn,
  messageIds,
  isContinued: false,
});
const taken = (kind: 'question' | 'whole', turn: number): LedgerEvent => ({
  type: 'messages-taken',
  place: { kind, turn },
  isIdle: true,
  messageIds: [],
});
/** An idle chat that shows everything up to a turn. */
const at = (turn: number): LedgerEvent[] => [synchronized, watched, asked, state(turn), taken('whole', turn)];

const after = (events: readonly LedgerEvent[]): ChatLedger =>
  events.reduce((ledger, event) => reduce(ledger, event).ledger, emptyLedger);
/** What the watchers were informed of, in short. */
const updates = (events: readonly LedgerEvent[]): string[] => {
  let ledger = emptyLedger;
  return events.flatMap((event) => {
    const transition = reduce(ledger, event);
    ledger = transition.ledger;
    return transition.updates.map((update) =>
      update.type === 'state' ? `state ${update.state.turn}` : `${update.type} ${update.turn}`,
    );
  });
};

interface Row {
  readonly title: string;
  readonly events: readonly LedgerEvent[];
  readonly step?: string;
  readonly reads?: boolean;
  readonly updates?: readonly string[];
  /** The messages that the chat shares with the server. */
  readonly seen?: readonly string[];
  readonly unsent?: readonly string[];
  readonly outcomes?: Readonly<Record<string, string>>;
  readonly baseTurn?: number;
}

const table: readonly Row[] = [
  {
    title: 'a chat that was just opened reads the state once',
    events: [synchronized, watched],
    reads: true,
    step: 'none',
  },
  {
    title: 'while the state is being read, nothing else is done',
    events: [synchronized, watched, asked],
    reads: false,
    step: 'none',
  },
  { title: 'a state that comes is what the watchers learn', events: [watched, asked, state(3)], updates: ['state 3'] },
  { title: 'a chat at the newest turn has nothing to do', events: at(2), step: 'none', reads: false, baseTurn: 2 },
  {
    title: 'the next turn is applied, without a read',
    events: [...at(2), start('r3', 3)],
    step: 'apply',
    reads: false,
  },
  { title: 'a turn behind a gap is read', events: [...at(2), start('r5', 5)], reads: true, updates: ['state 2'] },
  {
    title: 'a start whose question is too large for the service is read',
    events: [
      ...at(2),
      {
        type: 'start-heard',
        frame: { v: 1, run: 'r3', turn: 3, start: { trigger: 'submit-message', from: 'x', messageId: 'm' } },
      },
    ],
    reads: true,
  },
  {
    title: 'a question that is shown is followed by its answer',
    events: [...at(2), start('r3', 3), taken('question', 3)],
    step: 'resume',
  },
  {
    title: 'an answer that was streamed to its end is whole',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'stream-opened', runId: 'r3', turn: 3 },
      { type: 'stream-closed', runId: 'r3', endedAt: 9 },
    ],
    step: 'none',
  },
  {
    title: 'answers that a run recorded are whole without a stream',
    events: [
      ...at(2),
      start('r3', 3),
      { type: 'answers-shown', frame: start('r3', 3).frame },
      end('r3', 3, 'finish', 1),
    ],
    reads: false,
    step: 'none',
  },
  {
    title: 'a run that was taken for a record of answers, and wrote more, is read',
    events: [...at(2), start('r3', 3), { type: 'answers-shown', frame: start('r3', 3).frame }, end('r3', 3)],
    reads: true,
  },
  {
    title: 'an answer whose stream ended before the run did is read',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'stream-opened', runId: 'r3', turn: 3 },
      { type: 'stream-closed', runId: 'r3', endedAt: 4 },
      taken('whole', 3),
      end('r3', 3),
    ],
    reads: true,
    step: 'none',
  },
  {
    title: 'an answer whose stream ended where the log says is not read again',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'stream-opened', runId: 'r3', turn: 3 },
      { type: 'stream-closed', runId: 'r3', endedAt: 9 },
      taken('whole', 3),
      end('r3', 3),
    ],
    reads: false,
    step: 'none',
  },
  {
    title:
      'an own answer to a call, behind which another device has answered too, is not whole at the end of its stream',
    events: [
      ...at(2),
      { type: 'stream-opened', runId: 'mine', turn: 0 },
      { ...began('mine', 4), isContinued: true } as LedgerEvent,
      asked,
      state(4),
      { type: 'messages-taken', place: { kind: 'question', turn: 4 }, isIdle: false, messageIds: [] },
      { type: 'stream-closed', runId: 'mine', endedAt: 9 },
    ],
    step: 'read',
  },
  {
    title: 'an answer that failed before its stream was opened is streamed, because its stream says why it failed',
    events: [
      synchronized,
      watched,
      asked,
      state(3, { active: { runId: 'r3', turn: 3 }, runs: [{ runId: 'r3', turn: 3 }] }),
      taken('question', 3),
      end('r3', 3, 'error'),
    ],
    step: 'resume',
  },
  {
    title: 'an answer that was streamed to its error is whole',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'stream-opened', runId: 'r3', turn: 3 },
      end('r3', 3, 'error'),
      { type: 'stream-closed', runId: 'r3', endedAt: 9 },
    ],
    step: 'none',
  },
  {
    title: 'an answer whose stream was cut is not whole',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'stream-opened', runId: 'r3', turn: 3 },
      { type: 'stream-closed', runId: 'r3', endedAt: undefined },
    ],
    step: 'resume',
  },
  {
    title: 'an answer that the user stops is not resumed, not even while the cancel is on its way',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'stream-opened', runId: 'r3', turn: 3 },
      { type: 'let-go', runId: 'r3', kind: 'undecided' },
      { type: 'stream-closed', runId: 'r3', endedAt: undefined },
    ],
    step: 'none',
  },
  {
    title: 'an answer that was stopped is read once its run is over',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'let-go', runId: 'r3', kind: 'cancelled' },
      end('r3', 3, 'cancel'),
    ],
    step: 'read',
  },
  {
    title: 'a stop that the server refuses shows the answer again',
    events: [
      ...at(2),
      start('r3', 3),
      taken('question', 3),
      { type: 'let-go', runId: 'r3', kind: 'cancelling' },
      { type: 'stop-refused', runId: 'r3', error: forbidden },
    ],
    reads: true,
  },
  { title: 'a message is sending until the server has it', events: [...at(2), sent('r3', 'u')], unsent: ['u sending'] },
  {
    title: 'a message that began a run is accepted',
    events: [...at(2), sent('r3', 'u'), opened('r3'), began('r3', 3, 'u')],
    unsent: [],
    baseTurn: 3,
  },
  {
    title: 'a message whose response was lost is accepted when its run starts',
    events: [...at(2), sent('r3', 'u3'), start('r3', 3, 'me')],
    unsent: [],
  },
  {
    title: 'a message that was refused stays refused while other devices write',
    events: [
      ...at(2),
      sent('r3', 'mine'),
      { type: 'refused', runId: 'r3', error: busy, isReported: true },
      asked,
      state(3, { active: { runId: 'other', turn: 3 } }),
      end('other', 3),
    ],
    unsent: ['mine refused'],
  },
  {
    title: 'a message that was refused, and is in the chat after all, is accepted',
    events: [
      ...at(2),
      sent('r3', 'mine'),
      { type: 'refused', runId: 'r3', error: busy, isReported: true },
      asked,
      state(3, { messages: [message('mine')] }),
    ],
    unsent: [],
  },
  {
    title: 'a message that is sent again takes the place of the refused one',
    events: [
      ...at(2),
      sent('r3', 'mine'),
      { type: 'refused', runId: 'r3', error: busy, isReported: true },
      sent('r4', 'mine'),
    ],
    unsent: ['mine sending'],
  },
  {
    title: 'a message that the user discards is gone, and the chat is read',
    events: [
      ...at(2),
      sent('r3', 'mine'),
      { type: 'refused', runId: 'r3', error: busy, isReported: true },
      asked,
      state(2),
      { type: 'discarded', messageId: 'mine' },
    ],
    unsent: [],
    reads: true,
  },
  {
    title: 'a send behind a turn that this device has not shown makes the chat be read',
    events: [...at(2), sent('r4', 'u'), began('r4', 4, 'u')],
    reads: true,
    baseTurn: 0,
  },
  {
    title: 'a state from before what was heard is read again',
    events: [...at(2), { type: 'read-needed' }, asked, start('r3', 3), state(2)],
    reads: true,
    updates: ['state 2', 'start 3'],
  },
  {
    title: 'a log that lost its chats is believed, also where parts of runs come that nothing has announced',
    events: [...at(3), asked, { type: 'read-needed' }, state(1)],
    reads: true,
    step: 'none',
  },
  {
    title: 'a log that lost its chats is believed: nothing was heard since the request left',
    events: [...at(5), { type: 'read-needed' }, asked, state(1)],
    updates: ['state 5', 'state 1'],
    reads: false,
  },
  {
    title: 'an idle device notices turns that are lower than its own',
    events: [...at(5), start('r1', 1)],
    reads: true,
  },
  {
    title: 'the end of an older turn that nobody here knew is no news',
    events: [...at(5), end('r4', 4)],
    reads: false,
    step: 'none',
  },
  {
    title: 'how an answer ended is known by its message',
    events: [...at(2), start('r3', 3), end('r3', 3, 'lost')],
    outcomes: { 'answer-3': 'lost' },
  },
  {
    title: 'how an answer ended is known after a reload',
    events: [
      watched,
      asked,
      state(1, {
        outcomes: { old: 'cancel' },
        runs: [{ runId: 'r1', turn: 1, messageId: 'm1', end: { reason: 'deadline', at: 4 } }],
      }),
    ],
    outcomes: { old: 'cancel', m1: 'deadline' },
  },
  {
    title:
      'an earlier message on its way is this device’s alone until a state or a start says that a later send took it along',
    events: [...at(2), sent('r3', 'u3'), sent('r4', 'u4'), opened('r4'), began('r4', 6, 'u3', 'u4')],
    unsent: ['u3 sending'],
    seen: ['u4'],
    reads: true,
  },
  {
    title: 'an earlier message on its way is the server’s when the next turn took it along',
    events: [...at(2), sent('r3', 'u3'), sent('r4', 'u4'), opened('r4'), began('r4', 3, 'u3', 'u4')],
    unsent: [],
    seen: ['u3', 'u4'],
  },
  {
    title: 'a send that begins when its call is over reads the state: the chat may show what it has cut',
    events: [...at(2), sent('r3', 'u3'), opened('r3'), taken('whole', 2), began('r3', 3, 'u3')],
    reads: true,
  },
  {
    title: 'a send whose messages the server has with another run reads what came of the rest of it',
    events: [...at(2), sent('r3', 'u2'), { type: 'known', runId: 'r3' }],
    unsent: [],
    seen: ['u2'],
    reads: true,
  },
  {
    title: 'a send that was joined to another run reads what came of the rest of it',
    events: [...at(2), sent('r4', 'u3'), { ...began('r3', 3, 'u3'), sentRunId: 'r4' } as LedgerEvent],
    unsent: [],
    reads: true,
  },
  {
    title:
      'a question that another send had taken along, and that was cut away since, is read where its own send begins',
    events: [
      ...[...at(2), sent('r3', 'u3'), sent('r4', 'u4'), opened('r4'), began('r4', 3, 'u3', 'u4'), taken('whole', 3)],
      ...[start('r5', 4), taken('whole', 4), began('r3', 5, 'u3')],
    ],
    reads: true,
  },
  {
    title: 'a message that a state has is the server’s, also where the chat cannot take the state over',
    events: [...at(2), sent('mine', 'u3'), state(3, { messages: [message('u2'), message('u3')] }, false)],
    unsent: [],
    seen: ['u3'],
  },
  {
    title: 'a refused edit whose run a state has is the server’s, and so is the id that it gave its message',
    events: [
      ...at(2),
      { type: 'sent', send: { runId: 'r3', kind: 'edit', messageId: 'u2', message: message('new') } },
      { type: 'refused', runId: 'r3', error: busy, isReported: true },
      state(3, { runs: [{ runId: 'r3', turn: 3 }] }, false),
    ],
    unsent: [],
    seen: ['new'],
  },
  {
    title: 'a message that a run began with is the server’s, also before the chat shows the run',
    events: [...at(2), sent('mine', 'u3'), start('r3', 3)],
    unsent: [],
    seen: ['u3'],
  },
  {
    title: 'a chat that the server refuses is not read again by itself',
    events: [...at(2), { type: 'access-refused', error: forbidden }, { type: 'read-needed' }],
    reads: false,
  },
  {
    title: 'a chat that the server refused is read when the user tries again',
    events: [...at(2), { type: 'access-refused', error: forbidden }, { type: 'access-granted' }],
    reads: true,
  },
  {
    title: 'a chat that the server refused is read when the server takes a message again',
    events: [
      ...at(2),
      { type: 'access-refused', error: forbidden },
      { type: 'began', sentRunId: 'r3', runId: 'r3', turn: 3, messageIds: ['u3'], isContinued: false },
    ],
    reads: true,
  },
];

describe('the ledger of a chat', () => {
  it.each(table)('$title', (row) => {
    const ledger = after(row.events);
    if (row.step) expect(nextStep(ledger).kind).toBe(row.step);
    if (row.reads !== undefined) expect(needsOf(ledger).read).toBe(row.reads);
    if (row.updates) expect(updates(row.events)).toEqual(row.updates);
    if (row.unsent) expect(ledger.outbox.map(({ messageId, state }) => `${messageId} ${state}`)).toEqual(row.unsent);
    if (row.seen) expect([...ledger.shown.seen]).toEqual(row.seen);
    if (row.outcomes) expect(ledger.server.outcomes).toEqual(row.outcomes);
    if (row.baseTurn !== undefined) expect(baseTurnOf(ledger)).toBe(row.baseTurn);
  });

  it('shares the messages that a state has, also where the chat cannot take the state over', () => {
    const events = [watched, sent('r1', 'mine'), asked, state(1, { messages: [message('mine')] })];
    const { shown, outbox } = events.reduce((ledger, event) => reduce(ledger, event).ledger, emptyLedger);
    expect([[...shown.seen], outbox]).toEqual([['mine'], []]);
  });

  it('informs watchers of turns in order and once, whatever comes in whatever order', () => {
    const event = fc.oneof(
      fc.integer({ min: 1, max: 6 }).map((turn) => start(`r${turn}`, turn)),
      fc.integer({ min: 1, max: 6 }).map((turn) => end(`r${turn}`, turn)),
      fc.constant<LedgerEvent>({ type: 'read-needed' }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const turns = updates([watched, asked, state(0), ...events])
          .filter((update) => update.startsWith('start'))
          .map((update) => Number(update.slice(6)));
        expect(turns).toEqual([...new Set(turns)].sort((a, b) => a - b));
      }),
    );
  });
});
