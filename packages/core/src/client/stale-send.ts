import type { UIMessage } from 'ai';
import type { OwnSend } from './run-reader.ts';

/**
 * Whether a send that was behind goes behind what the server knows (`again`; the server puts the two together), is there already with another
 * send (`known`), or would cut what others wrote and this device has not shown in `seen` (false).
 */
export function whenStale(
  known: readonly UIMessage[],
  { trigger, messageId, messages }: OwnSend,
  seen: ReadonlySet<string>,
): 'again' | 'known' | false {
  const last = messages.at(-1);
  if (trigger === 'regenerate-message' || (messageId && last?.role === 'user')) {
    const cutsNobody = known.every(
      ({ id, role }, at) =>
        (messages[at] ? messages[at].id === id : role === 'assistant') || seen.has(id) || id === messageId,
    );
    return cutsNobody && 'again';
  }
  // The send continues this device's copy of the last answer.
  if (messageId) return last?.id === messageId && messageId === known.at(-1)?.id && 'again';
  return newMessages(messages).every(({ id }) => known.some((message) => message.id === id)) ? 'known' : 'again';
}

/** What a send may add to the conversation: what follows this device's last answer. */
export function newMessages(messages: readonly UIMessage[]): readonly UIMessage[] {
  return messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
}
