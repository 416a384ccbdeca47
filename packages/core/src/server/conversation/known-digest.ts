import type { UIMessage } from 'ai';
import type { Clock } from '../../clock.ts';
import { conversationDigest, emptyDigest } from '../../wire/conversation-digest.ts';

/** How long digests are computed in one turn of the event loop, in milliseconds. */
const sliceMs = 10;

/** The digest of a conversation that ends with the message, by the digest of what is in front of it. */
interface KnownDigest {
  readonly before: string;
  readonly digest: string;
}

const known = new WeakMap<UIMessage, KnownDigest>();

/**
 * The `conversationDigest` of the server's own messages. Those that the log shares between readers are frozen: each is computed once, so that a send
 * costs what is new. A conversation that this process has not seen before is computed in slices, each behind `nextTurn`.
 */
export async function knownDigest(
  messages: readonly UIMessage[],
  clock: Clock,
  nextTurn: () => Promise<void>,
): Promise<string> {
  let digest = emptyDigest;
  let until = clock.now() + sliceMs;
  for (const message of messages) {
    const before = digest;
    const found = known.get(message);
    if (found?.before === before) {
      digest = found.digest;
      continue;
    }
    if (clock.now() >= until) {
      await nextTurn();
      until = clock.now() + sliceMs;
    }
    digest = conversationDigest([message], before);
    if (Object.isFrozen(message) && Object.isFrozen(message.parts)) known.set(message, { before, digest });
  }
  return digest;
}
