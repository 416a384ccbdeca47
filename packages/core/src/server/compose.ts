import type { UIMessage } from 'ai';
import { ChatTransportError } from '../errors.ts';
import { digest } from './digest.ts';
import type { Engine } from './engine.ts';
import { foldNewest, readHead } from './head.ts';
import {
  composeFromHistory,
  continuedMessage,
  mergeClientAnswers,
  type SendIntent,
  tailOf,
  waitsForClient,
} from './history.ts';

/** What a send asks for. */
export interface SendRequest extends SendIntent {
  readonly chatId: string;
  /** The sender's whole conversation. */
  readonly messages?: readonly UIMessage[] | undefined;
  /** Only the new message, where the server has the rest. */
  readonly message?: UIMessage | undefined;
  readonly baseTurn?: number | undefined;
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
  /** Whether `baseTurn` is the server's own reading: when the chat has moved on, it reads again. */
  readonly rereads: boolean;
  /** Equal for devices that continue the same message from the same state. */
  readonly joinKey: string | undefined;
}

/**
 * Puts the conversation together: from the server's history where there is one (or `fromHistory` asks for it), else as the client
 * sent it, with the newest run's message as the log has it.
 * @throws ChatTransportError `invalid-message` for a message that nobody knows, `log-expired` when the history is gone.
 */
export async function composeSend(engine: Engine, request: SendRequest, fromHistory: boolean): Promise<Composed> {
  const { messages: sent, trigger, messageId } = request;
  const isServerBased = fromHistory || engine.options.loadMessages !== undefined || !sent;
  const { messages, turn, known, answered } = isServerBased
    ? await fromServer(engine, request)
    : await fromClient(engine, sent, request);
  if (messages.length === 0) throw invalidMessage('There is no message to answer.');

  const continued = continuedMessage(messages, request);
  // Only what a user asks for may cut the conversation: a regenerate, or an edit (a submit that names a user message).
  const mayCut = trigger === 'regenerate-message' || (messageId !== undefined && !continued);
  const ownTurn = fromHistory || request.baseTurn === undefined;
  // Also a cut that waited in a queue may only cut what its sender has seen.
  const baseTurn = !ownTurn || mayCut ? request.baseTurn : turn;
  const joinKey = continued && (await digest([continued.id, continued]));
  return { messages, ...tailOf(messages, request, known, answered), continued, baseTurn, rereads: ownTurn, joinKey };
}

async function fromServer(engine: Engine, request: SendRequest): Promise<Conversation & { turn: number }> {
  const { chatId, message } = request;
  const head = await readHead(engine, chatId);
  const { turn } = head.state;
  if (turn > 0 && head.messages.length === 0 && !engine.options.loadMessages) {
    throw new ChatTransportError({
      code: 'log-expired',
      message: 'The log no longer has the conversation. Send all messages, or pass loadMessages to the server.',
    });
  }
  const sent = request.messages ?? (message ? [message] : []);
  const messages = composeFromHistory(head.messages, sent, request);
  if (!messages)
    throw invalidMessage(`The chat has no message ${request.messageId ?? sent.at(-1)?.id ?? ''} to go on from.`);
  return { messages, turn, known: idsOf(head.messages) };
}

/** The server's fold wins over a client's copy of it, except where the copy may hold answers that only a client can give. */
async function fromClient(
  engine: Engine,
  sent: readonly UIMessage[],
  request: SendRequest,
): Promise<Conversation & { turn: undefined }> {
  const messages = [...sent];
  const continued = continuedMessage(messages, request);
  const state = await engine.options.log.state(request.chatId);
  const known = idsOf(state.messages);
  if (!messages.some((message) => message.role === 'assistant' && message !== continued)) {
    return { messages, turn: undefined, known };
  }
  const answer = (await foldNewest(engine, state))?.message;
  // The log's copy of every answer, not only of the newest: a client may have let go of any of them in its middle.
  const answers = [...state.messages, ...(answer ? [answer] : [])].filter(({ role }) => role === 'assistant');
  const own = new Map(answers.map((message) => [message.id, message]));
  const answered = new Set<string>();
  const merged = messages.map((message) => {
    const server = message === continued || message.role !== 'assistant' ? undefined : own.get(message.id);
    if (!server || !waitsForClient(server)) return server ?? message;
    const both = mergeClientAnswers(server, message);
    if (both.parts.some((part, index) => part !== server.parts[index])) answered.add(message.id);
    return both;
  });
  return { messages: merged, turn: undefined, known, answered };
}

interface Conversation {
  readonly messages: UIMessage[];
  /** The ids of the messages that the chat has. */
  readonly known: ReadonlySet<string>;
  /** The ids of earlier answers that the sender's client has added to: to other devices they are new. */
  readonly answered?: ReadonlySet<string>;
}

function idsOf(messages: readonly UIMessage[]): ReadonlySet<string> {
  return new Set(messages.map(({ id }) => id));
}

function invalidMessage(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'invalid-message', message });
}
