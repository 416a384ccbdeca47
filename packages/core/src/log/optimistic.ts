import { ChatTransportError } from '../errors.ts';
import type { Changes, Facts, LogStore, Need } from './log-store.ts';

/** How often a decision is made again because the chat has changed since its facts were read. */
const maxAttempts = 50;
/** The longest pause after the first attempt, in milliseconds; it doubles with each further one. */
const firstPauseMs = 4;
/** The longest pause between two attempts, in milliseconds. */
const maxPauseMs = 250;

/** The two halves of a transaction, for stores that cannot run code inside one. */
export interface OptimisticStore {
  /** Reads the facts, and the version of the chat that they are of. */
  facts(chatId: string, need: Need): PromiseLike<{ readonly facts: Facts; readonly version: string }>;
  /** Writes all changes and raises the version, if it is still `version`; otherwise answers false and writes nothing. */
  write(chatId: string, version: string, changes: Changes): PromiseLike<boolean>;
}

/**
 * `LogStore.transact` for a store that cannot decide inside a transaction: read, decide, write if the version is still the one that was read.
 * @throws ChatTransportError `provider-failed` when the chat changed before each of 50 attempts.
 */
export function optimistic(store: OptimisticStore): LogStore['transact'] {
  return async (chatId, need, decide) => {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const { facts, version } = await store.facts(chatId, need);
      const { answer, changes } = decide(facts);
      if (!changes || (await store.write(chatId, version, changes))) return answer;
      // Random, and from the first attempt on: writers that try again at once hold one another up, and starve the slowest.
      await pause(Math.random() * Math.min(firstPauseMs * 2 ** attempt, maxPauseMs));
    }
    const message = `The chat changed ${maxAttempts} times while a change was to be written.`;
    throw new ChatTransportError({ code: 'provider-failed', message });
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
