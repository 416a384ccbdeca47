import type { UIMessage } from 'ai';

/** How many characters of the answer a page shows: of its text, or of what its tool call writes. */
export function shownLength(chat: { readonly messages: readonly UIMessage[] }): number {
  const part = chat.messages.at(-1)?.parts.at(-1);
  if (part?.type === 'text') return chat.messages.at(-1)?.role === 'assistant' ? part.text.length : 0;
  const input = part && 'input' in part ? (part.input as { content?: string } | undefined) : undefined;
  return input?.content?.length ?? 0;
}
