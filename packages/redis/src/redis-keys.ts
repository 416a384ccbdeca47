/** The default of `keyPrefix`. */
export const defaultKeyPrefix = 'chat-transport:';

/** Where things are in Redis. */
export interface RedisKeys {
  /**
   * The chat's key. Scripts put the kind and the run's id behind it; its hash tag keeps them all in one slot of a
   * cluster.
   */
  chat(chatId: string): string;
  /** The runs that somebody must look at, by the time when. One for all chats: in a cluster, in a slot of its own. */
  readonly due: string;
  /** The channel on which a chat's new frames are announced. */
  frames(chatId: string): string;
  /** The channel on which everything else about a chat is announced: runs that begin and end, and steers. */
  changes(chatId: string): string;
  /** Where the listening connection hears from itself, to know that it lives. */
  readonly pulse: string;
}

export function redisKeys(prefix: string): RedisKeys {
  return {
    chat: (chatId) => `${prefix}{${chatId}}`,
    due: `${prefix}due`,
    frames: (chatId) => `${prefix}${chatId}:frames`,
    changes: (chatId) => `${prefix}${chatId}:changes`,
    pulse: `${prefix}pulse:${crypto.randomUUID()}`,
  };
}
