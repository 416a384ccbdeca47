import { getToolName, isToolUIPart, type UIMessage } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RunRecord } from '../../log/run-log.ts';
import { canonicalJson } from '../../wire/canonical-json.ts';
import type { Engine } from '../engine.ts';
import { partyOf } from '../run/fair-turns.ts';
import { isServerTool } from '../run/plan-continuation.ts';
import { digest } from './digest.ts';
import { type Head, isEmptied, readHead } from './head.ts';
import {
  composeFromHistory,
  continuedMessage,
  isOverruled,
  mergeClientAnswers,
  type SendIntent,
  tailOf,
  waitsForClient,
} from './history.ts';
import { knownDigest } from './known-digest.ts';
import { KnownMessages } from './known-messages.ts';
import { composeFromBase, historyNeeded, type SendBase } from './short-send.ts';

/** What a send asks for. */
export interface SendRequest extends SendIntent {
  readonly chatId: string;
  readonly runId?: string | undefined;
  /** The sender's whole conversation. */
  readonly messages?: readonly UIMessage[] | undefined;
  /** Only the new message, where the server has the rest. */
  readonly message?: UIMessage | undefined;
  /** What `message` (or a regenerate) stands on: checked against the server's own conversation. */
  readonly base?: SendBase | undefined;
  readonly baseTurn?: number | undefined;
  /** Who sends, where `authorize` names the user. */
  readonly userId?: string | undefined;
}

/** The conversation that a run answers. */
export interface Composed {
  readonly messages: UIMessage[];
  readonly before: string | null;
  readonly tail: readonly UIMessage[];
  /** The message that the run continues. */
  readonly continued: UIMessage | undefined;
  /** What the log checks the chat's turn against. */
  readonly baseTurn: number | undefined;
  /** The chat's turn as it was read here. */
  readonly turn: number;
  /** Whether `baseTurn` is the server's own reading: when the chat has moved on, it reads again. */
  readonly rereads: boolean;
  /** Equal for devices that continue the same message from the same state. */
  readonly joinKey: string | undefined;
  /** The run that has answered the new message, or gone on from another answer to a call, already: it is joined, and nothing begins. */
  readonly answeredBy?: RunRecord | undefined;
}

/**
 * Puts the conversation together: from the server's history (`loadMessages`, else the log) where there is one and the sender says how far it
 * has seen it, or has waited in the queue (`fromHistory`); else as the client sent it, with the answers as the log has them. `cameAt`: the chat's turn when
 * a send came that has waited.
 * @throws ChatTransportError `invalid-message` for a message that nobody knows or whose id another message has, `log-expired` when the history is gone, `history-needed` when a
 * send stands on another conversation.
 */
export async function composeSend(
  engine: Engine,
  request: SendRequest,
  fromHistory: boolean,
  cameAt?: number,
): Promise<Composed> {
  const { messages: sent, trigger, messageId, runId } = request;
  const head = await readHead(engine, request.chatId, partyOf(request.chatId, request.userId));
  const { turn, runs, deletedTurn = 0 } = head.state;
  const isSeen = request.baseTurn !== undefined && head.messages.length > 0;
  const isServerBased = fromHistory || isSeen || engine.options.loadMessages !== undefined || !sent;
  // A run that has begun is joined, whatever has become of the conversation since.
  const isKnown = runs.some((run) => run.runId === runId);
  const own = sent ?? (request.message ? [request.message] : []);
  if (!isKnown) checkId(head.messages, own.at(-1), request, engine.options.loadMessages !== undefined);
  const { messages, known, answered } = isKnown
    ? { messages: [...(own.length > 0 ? own : head.messages)], known: new KnownMessages(head.messages) }
    : isServerBased
      ? await fromServer(engine, head, request, fromHistory)
      : fromClient(engine, head, own);
  if (messages.length === 0) throw invalidMessage('There is no message to answer.');

  const continued = continuedMessage(messages, request);
  // Only what a user asks for may cut the conversation: a regenerate, or an edit (a submit that names a user message).
  const mayCut = trigger === 'regenerate-message' || (messageId !== undefined && !continued);
  const ownTurn = fromHistory || request.baseTurn === undefined;
  // Also a cut that waited in a queue may only cut what its sender has seen.
  const seenTurn = !ownTurn || mayCut ? request.baseTurn : isServerBased ? turn : undefined;
  // Where the newest run still wrote as it was read here, nothing may begin on top of what was read: it may have ended since.
  const isPartial = head.newest !== undefined && !head.newest.run.end;
  // A send that goes on with an answer does not go on with the one that came while it waited, or that is there in the place of a deleted one.
  const meant = isKnown ? continued : continuedMessage(own, request);
  // An edit may give a message another id: the named one is the server's then.
  const isNamed = ({ id }: UIMessage): boolean => messageId === undefined || id === messageId;
  const isGone =
    trigger === 'submit-message' && head.messages.length > 0 && ![...messages, ...head.messages].some(isNamed);
  // A send that waited while the chat was deleted would bring back what its sender still shows. It may have come to another process first, but then
  // its sender says what it has seen, where it knows that: 0 says nothing.
  const isErased = Math.min(request.baseTurn || deletedTurn, cameAt ?? deletedTurn) < deletedTurn;
  const isOvertaken = isErased || isGone || (meant !== undefined && meant.id !== continued?.id);
  // By the sender's copy: the server's may have what the first of two equal sends has led to already.
  const copy = isOvertaken ? undefined : (own.find(({ id }) => id === continued?.id) ?? continued);
  const joinKey = copy && (await digest([copy.id, copy]));
  return {
    turn,
    messages,
    ...tailOf(messages, request, known, answered),
    continued,
    baseTurn: isPartial || isOvertaken ? turn - 1 : seenTurn,
    rereads: (ownTurn || isPartial) && !isOvertaken,
    joinKey,
    answeredBy:
      isServerBased && !isKnown ? (answererOf(head, own, request) ?? overruling(head, own, meant)) : undefined,
  };
}

/**
 * Equal ids mean equal messages: a new one with the id of another would be taken for it and lost. An app that keeps the history may have
 * changed what is not text.
 * @throws ChatTransportError `invalid-message`.
 */
function checkId(
  head: readonly UIMessage[],
  message: UIMessage | undefined,
  { trigger, messageId }: SendIntent,
  isAppHistory: boolean,
): void {
  if (trigger === 'regenerate-message' || message?.role !== 'user' || message.id === messageId) return;
  const known = head.find(({ id }) => id === message.id);
  const contentOf = ({ parts }: UIMessage): string =>
    canonicalJson(isAppHistory ? parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])) : parts);
  if (!known || (known.role === message.role && contentOf(known) === contentOf(message))) return;
  throw invalidMessage(`The chat has another message with the id ${message.id}: give each message an id of its own.`);
}

/** The run that has answered a plain submit's newest message, or was there when the conversation went on from it. */
function answererOf({ state, messages }: Head, sent: readonly UIMessage[], intent: SendIntent): RunRecord | undefined {
  const last = sent.at(-1);
  if (intent.trigger === 'regenerate-message' || intent.messageId !== undefined || last?.role !== 'user') return;
  const at = messages.findIndex(({ id }) => id === last.id);
  if (at < 0 || messages.findLastIndex(({ role }) => role === 'assistant') < at) return;
  return state.runs.findLast(({ start }) => start.tail.some(({ id }) => id === last.id)) ?? state.runs.at(-1);
}

/** The newest run of a message that the sender goes on with, where its answer to a call comes too late. */
function overruling(
  { state, messages }: Head,
  sent: readonly UIMessage[],
  continued: UIMessage | undefined,
): RunRecord | undefined {
  const server = messages.find(({ id }) => id === continued?.id);
  const copy = sent.find(({ id }) => id === continued?.id);
  if (!server || !copy || !isOverruled(server, copy)) return;
  return state.runs.findLast(({ start }) => start.messageId === server.id);
}

async function fromServer(engine: Engine, head: Head, request: SendRequest, hasWaited: boolean): Promise<Conversation> {
  const { message, base, baseTurn } = request;
  const isAppHistory = engine.options.loadMessages !== undefined;
  const isGone = head.state.turn > 0 && !isEmptied(head.state) && head.messages.length === 0 && !isAppHistory;
  if (base) {
    if (isGone) throw historyNeeded();
    const isBehind = baseTurn !== undefined && baseTurn < head.state.turn;
    const nextTurn = () => engine.turns.take(partyOf(request.chatId, request.userId));
    const digestOf = (messages: readonly UIMessage[]) => knownDigest(messages, engine.options.clock, nextTurn);
    const rules = { isBehind, hasWaited, isAppHistory, isServerTool: isServerTool(engine.options), digestOf };
    const messages = await composeFromBase(head.messages, message, request, base, rules);
    return { messages, known: new KnownMessages(head.messages) };
  }
  if (isGone) {
    throw new ChatTransportError({
      code: 'log-expired',
      message: 'The log no longer has the conversation. Send all messages, or pass loadMessages to the server.',
    });
  }
  const all = request.messages ?? (message ? [message] : []);
  // Of a page that does not know what it shows, earlier questions may be of a chat that was deleted since.
  const sent = head.state.deletedTurn && !baseTurn ? withNewestQuestion(all) : all;
  const { merged, answered } = withAnswers(engine, head.messages, sent);
  const messages = composeFromHistory(merged, sent, request, isServerTool(engine.options));
  if (!messages)
    throw invalidMessage(`The chat has no message ${request.messageId ?? sent.at(-1)?.id ?? ''} to go on from.`);
  return { messages, known: new KnownMessages(head.messages), answered };
}

/** The messages without questions behind the last answer, but for the newest one. */
function withNewestQuestion(messages: readonly UIMessage[]): readonly UIMessage[] {
  const answer = messages.findLastIndex(({ role }) => role === 'assistant');
  return messages.filter((_, index) => index <= answer || index === messages.length - 1);
}

/**
 * The log's copy of every answer wins over a client's; what only a client can give is taken from the client's.
 * @throws ChatTransportError `stale` for an answer that the log does not have, with calls of tools that the server runs: their outputs cannot be checked.
 */
function fromClient(engine: Engine, { state, newest }: Head, sent: readonly UIMessage[]): Conversation {
  const known = new KnownMessages(state.messages);
  // A client may have detached from any answer in its middle.
  const answers = [...state.messages, ...(newest?.message ? [newest.message] : [])];
  const own = new Map(answers.filter(({ role }) => role === 'assistant').map((message) => [message.id, message]));
  const isServers = isServerTool(engine.options);
  const servers = sent.map((message) => own.get(message.id) ?? message);
  if (own.size > 0 && servers.some((message, index) => message === sent[index] && hasCallOf(message, isServers))) {
    throw unknownAnswer();
  }
  const { merged, answered } = withAnswers(engine, servers, sent);
  return { messages: merged, known, answered };
}

/** The server's messages with what only the sender's client can add to them, also to earlier ones. */
function withAnswers(
  engine: Engine,
  servers: readonly UIMessage[],
  sent: readonly UIMessage[],
): { readonly merged: UIMessage[]; readonly answered: ReadonlySet<string> } {
  if (!sent.some(({ role }) => role === 'assistant')) return { merged: [...servers], answered: new Set() };
  const copies = new Map(sent.map((message) => [message.id, message]));
  const answered = new Set<string>();
  const merged = servers.map((server) => {
    const copy = server.role === 'assistant' && waitsForClient(server) ? copies.get(server.id) : undefined;
    if (!copy || copy === server) return server;
    const both = mergeClientAnswers(server, copy, isServerTool(engine.options));
    if (both.parts.every((part, index) => part === server.parts[index])) return server;
    answered.add(server.id);
    return both;
  });
  return { merged, answered };
}

interface Conversation {
  readonly messages: UIMessage[];
  /** The messages that the chat has. */
  readonly known: KnownMessages;
  /** The ids of earlier answers that the sender's client has added to: to other devices they are new. */
  readonly answered?: ReadonlySet<string>;
}

/** Whether a message is an answer with a call of a tool that the server runs. */
function hasCallOf({ role, parts }: UIMessage, isServers: (toolName: string) => boolean): boolean {
  return role === 'assistant' && parts.some((part) => isToolUIPart(part) && isServers(getToolName(part)));
}

function unknownAnswer(): ChatTransportError {
  return new ChatTransportError({
    code: 'stale',
    message: 'The chat has no such answer: it has changed on another device. Reload the chat and send again.',
  });
}

function invalidMessage(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'invalid-message', message });
}
