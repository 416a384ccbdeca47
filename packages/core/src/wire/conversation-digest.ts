import { isToolUIPart, type UIMessage } from 'ai';
import { canonicalJson } from './canonical-json.ts';

/** The digest of no messages. */
export const emptyDigest = 'cbf29ce484222325';

/**
 * A digest of what a client decides about a conversation: all of its users' messages, and of the answers their ids, their order and what
 * became of their tool calls. Two sides with equal digests would answer the same conversation. It rolls on: the digest of `[...a, ...b]`
 * is that of `b`, begun with the digest of `a`. It detects differences; it protects nothing, since a client that lies about it only gets
 * the server's own conversation. PROTOCOL.md section 6.1.
 */
export function conversationDigest(messages: readonly UIMessage[], after: string = emptyDigest): string {
  return messages.reduce((digest, message) => fnv1a(`${canonicalJson(covered(message))}\n`, digest), after);
}

/** The text of an answer is left out: the server's copy of it counts, whatever the client holds. */
function covered({ id, role, metadata, parts }: UIMessage): object {
  if (role !== 'assistant') return { id, role, metadata, parts };
  const calls = parts.filter(isToolUIPart).map(({ toolCallId, state, output, errorText, approval }) => {
    const { approved, reason } = approval ?? {};
    return { toolCallId, state, output, errorText, approved, reason };
  });
  return { id, role, calls };
}

/** 64-bit FNV-1a over UTF-8, in two halves of 32 bits: the prime is 2^40 + 435. */
function fnv1a(text: string, digest: string): string {
  let high = Number.parseInt(digest.slice(0, 8), 16);
  let low = Number.parseInt(digest.slice(8), 16);
  for (const byte of new TextEncoder().encode(text)) {
    low = (low ^ byte) >>> 0;
    const product = low * 435;
    high = (Math.imul(high, 435) + (low << 8) + Math.floor(product / 2 ** 32)) >>> 0;
    low = product >>> 0;
  }
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');
}
