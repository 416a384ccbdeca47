import { generateId } from '@ai-sdk/provider-utils';
import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { sleep } from '../clock.ts';
import type { ChatSession } from './chat-session.ts';
import type { ChatSnapshot } from './chat-update.ts';
import type { HttpError } from './http-error.ts';
import { baseTurnOf } from './ledger/chat-ledger.ts';
import { type OwnSend, ownMessages, type SendKind } from './ledger/outbox.ts';
import { mayStayOpen } from './open-places.ts';
import { continuedMessage, waitsForAnswers } from './own-answers.ts';
import { abortOf, asDisconnect, persist } from './persist.ts';
import type { RunReader } from './run-reader.ts';
import { shortSend } from './short-send.ts';
import { whenStale } from './stale-send.ts';

type SendOptions<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>['sendMessages']>[0];
type SendCall<UI_MESSAGE extends UIMessage> = Omit<SendOptions<UI_MESSAGE>, 'abortSignal'>;

/** How often a send goes behind a newer state before the user sees the refusal. */
const maxRepeats = 3;

/** What a send of the AI SDK does. `continued`: the answer that a submit goes on with. */
function kindOf({ trigger, messageId }: SendCall<UIMessage>, continued: UIMessage | undefined): SendKind {
  if (trigger === 'regenerate-message') return 'regenerate';
  if (continued) return 'answer';
  return messageId ? 'edit' : 'message';
}

/**
 * Sends a run, and resolves with its stream as soon as the run is known to have begun. The POST is repeated until there is a response,
 * also when the chat was stopped meanwhile: the server records the message and its cancel, or the message is shown as refused.
 */
export async function sendRun<UI_MESSAGE extends UIMessage>(
  session: ChatSession<UI_MESSAGE>,
  { abortSignal, ...call }: SendOptions<UI_MESSAGE>,
): Promise<ReadableStream<UIMessageChunk>> {
  const continued = continuedMessage(call);
  const kind = kindOf(call as unknown as SendCall<UIMessage>, continued);
  const sending = continued ?? call.messages.at(-1);
  const {
    outbox,
    shown: { isSynchronized },
  } = session.ledger;
  // A message that was refused before is shown as refused, and is not sent along with the next one. A plain chat marks no
  // message and sends it along, as with the AI SDK's own transport, except one that would make each later send too large.
  // A message behind the answer that is sent is not sent along either, also where it is on its way: nothing would reply to it.
  // An edit that is on its way is none that another send may add.
  const isLeft = ({ kind, state, error }: OwnSend) =>
    continued !== undefined ||
    (isSynchronized ? state === 'refused' || kind === 'edit' : (error as Partial<HttpError>)?.code === 'too-large');
  const left = ownMessages(outbox.filter(isLeft));
  const from = continued ? call.messages.indexOf(continued) : 0;
  const messages = call.messages.filter(
    (message, at) => message === sending || at < from || !left.includes(message.id),
  );
  const own = { ...call, messages };
  // Only a user who has stopped sends again; and the cancel goes first.
  session.stops.decide();
  const cancelled = session.commands.settled();
  const reader = session.open(generateId(), { own });
  const messageId = continued?.id ?? call.messageId ?? sending?.id ?? reader.runId;
  const content = kind === 'regenerate' ? undefined : sending;
  session.dispatch({ type: 'sent', send: { runId: reader.runId, kind, messageId, message: content } });
  session.dispatch({ type: 'stream-opened', runId: reader.runId, turn: 0 });

  const isPartial = isSynchronized && continued !== undefined && waitsForAnswers(continued);
  const send = poster(session, reader, own, isPartial);
  const sent = cancelled
    .then(() => session.gate(continued !== undefined && !isPartial, reader.closed))
    .then(send)
    .catch((error) => {
      reader.end();
      const failure = asDisconnect(error);
      session.dispatch({ type: 'refused', runId: reader.runId, error: failure, isReported: !abortSignal?.aborted });
      throw failure;
    });
  // What the server puts the send behind, and what it takes along, may be other messages than this device shows.
  if (outbox.length > 0)
    sent.then(
      () => session.refresh(),
      () => {},
    );
  const isOver = new AbortController();
  session.stops.watch(reader, abortSignal, isOver.signal);
  void Promise.allSettled([sent, reader.closed]).then(() => isOver.abort());
  // Where a proxy holds the response back, another path brings the run before it.
  await Promise.race([sent, reader.begun, abortOf(abortSignal)]);
  abortSignal?.throwIfAborted();
  return reader.stream;
}

/**
 * A function that posts until the server has answered; it resolves when the run is known to have begun, or its messages are in the log already.
 * What the send stands on is fixed here, before it waits for anything.
 */
function poster<UI_MESSAGE extends UIMessage>(
  session: ChatSession<UI_MESSAGE>,
  reader: RunReader,
  call: SendCall<UI_MESSAGE>,
  ifComplete: boolean,
): () => Promise<void> {
  const { http, clientId, clock, closing, timings } = session.context;
  const own = { ...call };
  const seen = session.ledger.shown.seen;
  // A retry cannot claim turns that arrived later. Unknown counts as 0.
  let baseTurn = baseTurnOf(session.ledger);
  let repeats = maxRepeats;
  // The last message of a regenerate is new where it was refused before.
  const hasLast = !session.ledger.shown.isSynchronized || seen.has(own.messages.at(-1)?.id ?? '');
  let short = http.buildsBodies ? shortSend(own, hasLast) : undefined;
  let isQueued: boolean;
  const attemptPost = async (attempt: AbortController): Promise<void> => {
    try {
      // Where realtime brings the sender's own answer, the response has none: it would be sent twice.
      const { liveSubscriber } = session;
      const isOnSocket = liveSubscriber?.send || liveSubscriber?.carriesOwnAnswers;
      const answer = await http.send(
        short ? { ...own, messages: [] } : own,
        {
          runId: reader.runId,
          clientId,
          baseTurn,
          queueWaitMs: Math.floor(timings.sendMs / 2),
          ...(ifComplete && { ifComplete }),
          ...short,
        },
        attempt.signal,
        isOnSocket && { accept: 'application/json' },
      );
      if (!answer) {
        isQueued = !reader.hasBegun;
        session.reached();
        return attempt.abort();
      }
      const sentRunId = reader.runId;
      // From here on the response feeds the reader: no other path has to follow the run.
      reader.setFed(true);
      session.began(reader, answer.turn, answer.runId);
      if (session.stops.confirm(sentRunId, reader)) return attempt.abort();
      void session.readAnswer(reader, answer, attempt);
      if (!(await mayStayOpen(attempt.signal))) attempt.abort();
    } catch (error) {
      if (reader.hasBegun && !closing.aborted) return attempt.abort();
      if (short && (error as HttpError).code === 'history-needed') {
        short = undefined;
        return attemptPost(attempt);
      }
      const state = (error as HttpError).state as ChatSnapshot<UI_MESSAGE> | undefined;
      // A plain new message goes behind what others have written since. What cuts the conversation is sent again only where it
      // cuts nobody's message. What this device had shown when it was sent is not others'.
      // What went along with a later send is in the log already, or was, and has been deleted since.
      const isAccepted = !session.ledger.outbox.some(({ runId }) => runId === reader.runId);
      const next = state && (isAccepted ? 'known' : state.messages && whenStale(state.messages, own, seen));
      if (state) session.dispatch({ type: 'state-read', state, isAsked: false });
      if (next === 'known') {
        session.dispatch({ type: 'known', runId: reader.runId });
        return reader.end();
      }
      if (state && next === 'again' && repeats-- > 0) {
        own.messages = stillThere(session, own.messages, state);
        baseTurn = state.turn;
        short = undefined;
        return attemptPost(attempt);
      }
      throw error;
    }
  };
  return async () => {
    for (;;) {
      isQueued = false;
      await persist(session.context, closing, attemptPost);
      if (!isQueued) return;
      // A response of the queue is progress: the time after which the send is given up begins again.
      await sleep(clock, timings.gapMs, closing);
    }
  };
}

/** The messages of a send that the chat still shows once it has taken over `state`. */
function stillThere<UI_MESSAGE extends UIMessage>(
  { ledger: { shown } }: ChatSession<UI_MESSAGE>,
  messages: UI_MESSAGE[],
  state: ChatSnapshot<UI_MESSAGE>,
): UI_MESSAGE[] {
  if (!shown.isSynchronized) return messages;
  const last = messages.at(-1);
  return messages.filter(
    (message) => message === last || !shown.seen.has(message.id) || state.messages?.some(({ id }) => id === message.id),
  );
}
