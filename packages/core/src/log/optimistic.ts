import { ChatTransportError } from '../errors.ts';
import type { Changes, Facts, LogStore, Need } from './log-store.ts';

/** How often a decision is made again because the chat has changed since its facts were read. */
const maxAttempts = 50;
/** The longest pause after the first attempt, in milliseconds; it doubles with each further one. */
const firstPauseMs = 4;
/** The longest pause between two attempts, in milliseconds. */
const maxPauseMs = 250;
/** How long a writer in front is taken to need, in milliseconds, until the first of them has moved on. */
const firstPerPlaceMs = 8;
/** The longest wait between two questions for one's place, in milliseconds: much shorter than `placeTtlMs`. */
const maxPlacePauseMs = 250;

/**
 * How long a place in a `ChangeQueue` lasts after its owner last asked for it, in milliseconds: what a writer that dies in the queue costs those behind it.
 */
export const placeTtlMs = 2_000;

/** Begins the name of every place in a `ChangeQueue`. Names sort in the order in which their writers came. */
export const placePrefix = 'place:';

/** The two halves of a transaction, for stores that cannot run code inside one. */
export interface OptimisticStore {
  /** Reads the facts, and the version of the chat that they are of. */
  facts(chatId: string, need: Need): PromiseLike<{ readonly facts: Facts; readonly version: string }>;
  /**
   * Writes all changes and raises the version, if it is still `version`; otherwise answers false and writes nothing. With a `queue`, it also answers false
   * while another place lasts in front of `place` (without a `place`, while any lasts), and a write that succeeds gives up `place`.
   */
  write(chatId: string, version: string, changes: Changes, place?: string): PromiseLike<boolean>;
  /** Where writers of one chat queue up once one of them was too late. Without it they try again after a random pause, and a slow one may never succeed. */
  readonly queue?: ChangeQueue | undefined;
}

/** Places of writers that wait to change a chat. */
export interface ChangeQueue {
  /** Takes the place, or keeps it, for `placeTtlMs`. Answers how many places that last sort before it. */
  stand(chatId: string, place: string): PromiseLike<number>;
  /** Gives the place up. */
  leave(chatId: string, place: string): PromiseLike<unknown>;
}

/**
 * `LogStore.transact` for a store that cannot decide inside a transaction: read, decide, write if the version is still the one that was read. With a
 * `queue`, a writer that was too late once is served in its turn: writers that come later wait behind it.
 * @throws ChatTransportError `provider-failed` when the chat changed before each of 50 attempts.
 */
export function optimistic({ facts: read, write, queue }: OptimisticStore): LogStore['transact'] {
  return async (chatId, need, decide) => {
    let place: string | undefined;
    try {
      for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
        if (queue && place !== undefined) await reachFront(queue, chatId, place);
        const { facts, version } = await read(chatId, need);
        const { answer, changes } = decide(facts);
        if (!changes) return answer;
        if (await write(chatId, version, changes, place)) {
          place = undefined;
          return answer;
        }
        if (queue) place ??= placeName(facts.now);
        // Random, and from the first attempt on: writers that try again at once hold one another up, and starve the slowest.
        else await pause(Math.random() * Math.min(firstPauseMs * 2 ** attempt, maxPauseMs));
      }
    } finally {
      // A place that cannot be given up ends by itself.
      if (queue && place !== undefined) await Promise.resolve(queue.leave(chatId, place)).catch(() => {});
    }
    const message = `The chat changed ${maxAttempts} times while a change was to be written.`;
    throw new ChatTransportError({ code: 'provider-failed', message });
  };
}

/** The store's clock orders the places; the rest makes them different. */
function placeName(now: number): string {
  return `${placePrefix}${String(now).padStart(16, '0')}:${crypto.randomUUID()}`;
}

/** Waits until nobody stands in front. Those in front move on, or their places end: so does this. Asks about as often as the distance halves. */
async function reachFront(queue: ChangeQueue, chatId: string, place: string): Promise<void> {
  const startedAt = performance.now();
  let perPlaceMs = firstPerPlaceMs;
  let first: number | undefined;
  for (;;) {
    const inFront = await queue.stand(chatId, place);
    if (inFront === 0) return;
    first ??= inFront;
    if (inFront < first) perPlaceMs = (performance.now() - startedAt) / (first - inFront);
    await pause(Math.min((inFront * perPlaceMs) / 2, maxPlacePauseMs));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
