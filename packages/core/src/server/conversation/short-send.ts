import type { UIMessage } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import { composeFromHistory, type SendIntent } from './history.ts';

/** What a send names in the place of the conversation that it stands on. */
export interface SendBase {
  /** The id of the message in front of the new one, or of the last one that a regenerate keeps; `null` when there is none. */
  readonly before: string | null;
  /** The `conversationDigest` of all messages up to that one. */
  readonly digest: string;
}

/** What the server may put between `before` and the new message, or leave unchecked. */
export interface BaseRules {
  /** The sender is behind the chat's turn: the log refuses the send as `stale` (or joins it), so nothing is checked here. */
  readonly isBehind: boolean;
  /** The send has waited in the queue: what was answered meanwhile may stand in front of a new message. */
  readonly hasWaited: boolean;
  /** The app keeps the history: its own conversation counts, whatever the sender holds. */
  readonly isAppHistory: boolean;
  /** Whether the server runs a tool: then a client gives no output of it. */
  readonly isServerTool: (toolName: string) => boolean;
  /** The digest of messages of the server. */
  readonly digestOf: (messages: readonly UIMessage[]) => Promise<string>;
}

/**
 * The conversation of a send that carries only its new message. The sender's conversation must be the server's own up to `before`, and
 * the message must come directly behind it. PROTOCOL.md section 6.1.2.
 * @throws ChatTransportError `history-needed` where that is not so.
 */
export async function composeFromBase(
  head: readonly UIMessage[],
  message: UIMessage | undefined,
  intent: SendIntent,
  { before, digest }: SendBase,
  { isBehind, hasWaited, isAppHistory, isServerTool, digestOf }: BaseRules,
): Promise<UIMessage[]> {
  const last = before === null ? -1 : head.findIndex(({ id }) => id === before);
  const kept = head.slice(0, last + 1);
  if (!isBehind) {
    if (last < 0 && before !== null) throw historyNeeded();
    if (!isAppHistory && (await digestOf(kept)) !== digest) throw historyNeeded();
    const known = head.findIndex(({ id }) => id === message?.id);
    const isNext = (known < 0 ? head.length : known) === last + 1;
    const isPlain = message?.role === 'user' && intent.messageId === undefined;
    const mayFollow = isPlain && (hasWaited || isAppHistory);
    if (intent.trigger === 'submit-message' && !isNext && !mayFollow) throw historyNeeded();
    if (intent.trigger === 'regenerate-message') return message?.role === 'user' ? [...kept, message] : kept;
  }
  return composeFromHistory(head, message ? [message] : [], intent, isServerTool) ?? raise(historyNeeded());
}

function raise(error: Error): never {
  throw error;
}

/** The server cannot put the conversation together from what was sent. */
export function historyNeeded(): ChatTransportError {
  return new ChatTransportError({
    code: 'history-needed',
    message: 'The server has another conversation than the sender, or none. Send all messages.',
  });
}
