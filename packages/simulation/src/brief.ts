import type { UIMessage } from 'ai';

/** A conversation in a few words: who said what, and how much of it. */
export function brief(messages: readonly UIMessage[]): string {
  const one = ({ role, parts, metadata }: UIMessage): string =>
    role === 'user'
      ? parts.map((part) => (part.type === 'text' ? part.text : part.type)).join('+')
      : `${(metadata as { nonce?: string } | undefined)?.nonce ?? 'empty'}:${parts.length}`;
  return `[${messages.map(one).join(' ')}]`;
}
