import type { ChatStatus, UIMessage } from 'ai';
import { isBusy } from './chat-status.ts';
import type { ChatSnapshot } from './chat-update.ts';
import { isFailure } from './ledger/server-side.ts';
import type { Place, Shown } from './ledger/shown.ts';
import { withOwnAnswers } from './own-answers.ts';
import type { OwnSend } from './run-reader.ts';

/** What a chat shows, and what its device knows of that. */
export interface Seen<UI_MESSAGE extends UIMessage> {
  readonly messages: readonly UI_MESSAGE[];
  readonly status: ChatStatus;
  readonly shown: Shown;
  /** The messages whose calls were answered on this page. */
  readonly answered: readonly string[];
  /** The send that the server is not known to have begun. */
  readonly sending: OwnSend | undefined;
  /** The message that a run goes on with which this device sent, and which has begun. */
  readonly continuedId: string | undefined;
}

/** What a chat is to show. `placeholder`: the message in it that only keeps the place of an answer. */
export interface Conversation<UI_MESSAGE extends UIMessage> {
  readonly messages: UI_MESSAGE[];
  readonly placeholder: string | undefined;
}

/** A conversation of the server, with what only this device has: its answers to calls, and its messages behind it. `answerId`: the answer to come. */
export function withUnsent<UI_MESSAGE extends UIMessage>(
  { messages: own, shown, answered, sending }: Seen<UI_MESSAGE>,
  messages: readonly UI_MESSAGE[],
  answerId: string | undefined,
): Conversation<UI_MESSAGE> {
  const isThere = (id: string) => messages.some((message) => message.id === id);
  const unsent = own.filter(({ id, role }) => role === 'user' && !shown.seen.has(id) && !isThere(id));
  // What a send takes along is shown as it was sent: the server adds the answers in it to its own messages.
  const copies = (id: string): readonly UIMessage[] | undefined => (answered.includes(id) ? own : sending?.messages);
  const ownCopy = (id: string) => copies(id)?.find((message) => message.id === id);
  const next = messages.map((message) => withOwnAnswers(message, ownCopy(message.id)));
  if (!answerId || unsent.length === 0 || isThere(answerId))
    return { messages: [...next, ...unsent], placeholder: undefined };
  // The answer's place is in front of what only this device has.
  const place = { id: answerId, role: 'assistant', parts: [] } as unknown as UI_MESSAGE;
  return { messages: [...next, place, ...unsent], placeholder: answerId };
}

/**
 * What a chat shows once it has taken over a state, and how much of that is certain; without `conversation`, its messages stay.
 * `undefined` where the state would take something away from the request that is under way.
 */
export function takenOver<UI_MESSAGE extends UIMessage>(
  seen: Seen<UI_MESSAGE>,
  { turn, active, deleted, runs, messages = deleted && [] }: ChatSnapshot<UI_MESSAGE>,
): { readonly conversation: Conversation<UI_MESSAGE> | undefined; readonly place: Place } | undefined {
  const { sending, status, shown } = seen;
  const wasBusy = isBusy(seen);
  // What a regenerate or an edit has cut away is in a state that does not know of it yet.
  const isCut = sending?.messageId && sending.messages.at(-1)?.role === 'user';
  if (sending && (sending.trigger === 'regenerate-message' || isCut)) return;
  const isStreaming = status === 'streaming';
  // Where an answer streams, the send is not what the chat waits for.
  const waiting = isStreaming ? undefined : sending;
  // The stream goes on in its own message, which may be an earlier one; all others are the state's.
  const keptId = waiting ? waiting.messageId : active?.messageId;
  const kept = seen.messages.find(({ id, role }) => role === 'assistant' && id === keptId);
  const isShowing = shown.stream.kind !== 'none' && shown.stream.turn === turn;
  if (wasBusy && !sending && !isShowing) return;
  const hasKept = messages?.some(({ id }) => id === kept?.id);
  if (kept && messages && !hasKept && wasBusy) return;
  // A stream that has brought nothing yet has nothing that the state lacks. Of an own run, the chat writes even a mere start into its own copy.
  const keeps = wasBusy && (isStreaming || waiting || kept?.id === seen.continuedId);
  const next = messages?.map((message) => (keeps && message.id === kept?.id ? kept : message));
  const conversation = next && withUnsent(seen, next, active?.messageId);
  // A send goes on with this device's own copy of the answer, which may lack what the state has.
  if (waiting && wasBusy && hasKept) return { conversation, place: { kind: 'uncertain' } };
  // The AI SDK writes what the stream brings into the message as it was when the request was made, whatever is shown now.
  const isOpen = wasBusy && !waiting;
  // An answer that was shown as under way, and has failed since: its stream says why.
  const failed = shown.place.kind === 'question' && shown.place.turn === turn && isFailure(runs?.at(-1)?.end?.reason);
  return { conversation, place: { kind: active || isOpen || failed ? 'question' : 'whole', turn } };
}
