import type { UIMessage } from 'ai';

/** Whether a send leaves all that the server knows but answers at the end: a regenerate that cuts nobody's message. */
export function cutsAnswersOnly<UI_MESSAGE extends UIMessage>(
  known: UI_MESSAGE[],
  { trigger, messages }: { trigger: string; messages: UI_MESSAGE[] },
): boolean {
  return (
    trigger === 'regenerate-message' &&
    known.every(({ id, role }, at) => (at < messages.length ? messages[at]?.id === id : role === 'assistant'))
  );
}

/** What the server knows, and behind it this device's own new messages: those after its last answer that the server does not know. */
export function withOwn<UI_MESSAGE extends UIMessage>(known: UI_MESSAGE[], messages: UI_MESSAGE[]): UI_MESSAGE[] {
  const own = messages.slice(messages.findLastIndex((message) => message.role === 'assistant') + 1);
  return [...known, ...own.filter(({ id }) => known.every((message) => message.id !== id))];
}

/** Without the empty places that `syncChat` keeps for answers which have not begun: they are no messages. */
export function withoutPlaceholders<UI_MESSAGE extends UIMessage>(messages: UI_MESSAGE[]): UI_MESSAGE[] {
  return messages.filter(
    ({ role, parts, metadata }) => role !== 'assistant' || parts.length > 0 || metadata !== undefined,
  );
}

/** What the server knows, with this device's copy of its last answer: the one that the send goes on with. Nothing where the chat has moved on. */
export function withOwnAnswer<UI_MESSAGE extends UIMessage>(
  known: UI_MESSAGE[],
  messages: UI_MESSAGE[],
  messageId: string | undefined,
): UI_MESSAGE[] | undefined {
  const own = messages.at(-1);
  const isLast = own?.role === 'assistant' && own.id === messageId && own.id === known.at(-1)?.id;
  return isLast ? [...known.slice(0, -1), own] : undefined;
}
