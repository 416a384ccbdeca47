import type { UIMessage } from 'ai';
import type { OwnSend } from './run-stream.ts';

/**
 * The messages with which a send goes behind what the server knows: `known` itself where there is nothing to send any more,
 * nothing where it would cut what others wrote and this device has not shown (`seen`).
 */
export function behind<UI_MESSAGE extends UIMessage>(
  known: UI_MESSAGE[],
  { trigger, messageId }: OwnSend,
  messages: UI_MESSAGE[],
  seen: ReadonlySet<string> | undefined,
): UI_MESSAGE[] | undefined {
  const last = messages.at(-1);
  if (trigger === 'regenerate-message' || (messageId && last?.role === 'user')) {
    const cutsNobody = known.every(
      ({ id, role }, at) => (messages[at] ? messages[at].id === id : role === 'assistant') || seen?.has(id),
    );
    return cutsNobody ? messages : undefined;
  }
  if (messageId) {
    // This device's copy of the last answer, with which the send goes on.
    const continues = last?.role === 'assistant' && last.id === messageId && last.id === known.at(-1)?.id;
    return continues ? [...known.slice(0, -1), last] : undefined;
  }
  // A plain new message: what follows this device's last answer.
  const own = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
  const fresh = own.filter(({ id }) => known.every((message) => message.id !== id));
  return fresh.length > 0 ? [...known, ...fresh] : known;
}

/** Without the empty places that `syncChat` keeps for answers which have not begun: they are no messages. */
export function withoutPlaceholders<UI_MESSAGE extends UIMessage>(messages: UI_MESSAGE[]): UI_MESSAGE[] {
  return messages.filter(
    ({ role, parts, metadata }) => role !== 'assistant' || parts.length > 0 || metadata !== undefined,
  );
}
