import type { UIMessage } from 'ai';
import { frozen } from './frozen.ts';
import type { StoredConversation } from './log-store.ts';

/** How much of all conversations a log keeps parsed, in UTF-16 units of JSON. The least recently used one goes first. */
const maxCachedLength = 16 * 1024 * 1024;

/** A conversation as it was at a turn. Its messages are frozen: they are shared by everybody who reads it. */
export interface CachedConversation {
  /** The turn that it is of: -1 where nothing is known yet. */
  readonly turn: number;
  readonly messages: readonly UIMessage[];
  readonly length: number;
}

/** Parsed conversations, so that a read costs what is new. What it has may be old: a store says what has changed since `turn`. */
export interface ConversationCache {
  get(chatId: string): CachedConversation;
  set(chatId: string, conversation: CachedConversation): void;
  delete(chatId: string): void;
}

const unknown: CachedConversation = { turn: -1, messages: [], length: 0 };

export function createConversationCache(): ConversationCache {
  const chats = new Map<string, CachedConversation>();
  let total = 0;
  const drop = (chatId: string): void => {
    total -= chats.get(chatId)?.length ?? 0;
    chats.delete(chatId);
  };
  return {
    get(chatId) {
      const found = chats.get(chatId);
      if (!found) return unknown;
      // The newest is last: a Map keeps the order in which its keys were added.
      chats.delete(chatId);
      chats.set(chatId, found);
      return found;
    },
    set(chatId, conversation) {
      const found = chats.get(chatId);
      if (found && found.turn > conversation.turn) return;
      drop(chatId);
      if (conversation.length > maxCachedLength || conversation.messages.length === 0) return;
      chats.set(chatId, conversation);
      total += conversation.length;
      for (const oldest of chats.keys()) {
        if (total <= maxCachedLength) break;
        drop(oldest);
      }
    },
    delete: drop,
  };
}

/** The conversation as the store has it at `turn`, from what is known of it and what is newer. */
export function brought(
  cached: CachedConversation,
  turn: number,
  stored: StoredConversation = { length: 0, newer: [] },
): CachedConversation {
  // A store that was emptied counts from 1 again, and then answers everything.
  const known = cached.turn > turn ? unknown : cached;
  const kept = stored.length - stored.newer.length;
  if (stored.newer.length === 0 && kept === known.messages.length) return { ...known, turn };
  const newer = stored.newer.map((text) => frozen(JSON.parse(text) as UIMessage));
  // The length is only for the cache's bound: what was cut off goes on counting until the chat is read whole again.
  const length = (kept > 0 ? known.length : 0) + stored.newer.reduce((sum, text) => sum + text.length, 0);
  // One copy of a long conversation, not two.
  const own = kept === known.messages.length ? known.messages : known.messages.slice(0, kept);
  return { turn, messages: own.concat(newer), length };
}

/** What to write so that `before` becomes `messages`: how many of its first messages stay, and the JSON of those behind them. */
export function changeOf(
  before: CachedConversation,
  messages: readonly UIMessage[],
): { readonly keep: number; readonly add: readonly string[] } {
  const most = Math.min(messages.length, before.messages.length);
  let keep = 0;
  while (keep < most && (before.messages[keep] === messages[keep] || isSame(before.messages[keep], messages[keep]))) {
    keep += 1;
  }
  return { keep, add: messages.slice(keep).map((message) => JSON.stringify(message)) };
}

/** The conversation after a change of `changeOf`. Its new messages are copies, as a store would answer them. */
export function changed(
  before: CachedConversation,
  turn: number,
  { keep, add }: ReturnType<typeof changeOf>,
): CachedConversation {
  return brought(before, turn, { length: keep + add.length, newer: add });
}

/** Whether two values have the same JSON, the order of their keys aside. Mostly they are the same object. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [oneKeys, otherKeys] = [definedKeys(one), definedKeys(other)];
  if (oneKeys.length !== otherKeys.length) return false;
  return oneKeys.every((key) => Object.hasOwn(other, key) && isSame(fieldOf(one, key), fieldOf(other, key)));
}

/** JSON leaves out what is undefined. */
function definedKeys(value: object): string[] {
  return Object.keys(value).filter((key) => fieldOf(value, key) !== undefined);
}

function fieldOf(value: object, key: string): unknown {
  return (value as Record<string, unknown>)[key];
}
