import type { UIMessage } from 'ai';
import { conversationDigest } from '../wire/conversation-digest.ts';
import type { OwnSend } from './run-reader.ts';

/** What a send says in the place of the whole conversation. PROTOCOL.md section 6.1.2. */
export interface ShortSend {
  /** Takes the place of the messages that the AI SDK puts into the body. */
  readonly messages: null;
  readonly message?: UIMessage | undefined;
  readonly before: string;
  readonly digest: string;
}

/**
 * The short form of a send: what is new, and a digest of what is in front of it. `undefined` where it would save nothing, or where it is not
 * certain what is new. `hasLast`: the server is known to have the last message.
 */
export function shortSend({ trigger, messageId, messages }: OwnSend, hasLast: boolean): ShortSend | undefined {
  const last = messages.at(-1);
  const addsNothing = trigger === 'regenerate-message' && hasLast;
  const isContinued = last?.role === 'assistant';
  if (!last || (isContinued && !addsNothing && messageId !== last.id)) return;
  const standsOn = addsNothing ? messages : messages.slice(0, -1);
  const before = standsOn.at(-1)?.id;
  if (before === undefined) return;
  const digest = conversationDigest(standsOn);
  return { messages: null, before, digest, ...(!addsNothing && { message: last }) };
}
