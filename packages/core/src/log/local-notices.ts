import type { Notices, Topic } from './log-store.ts';

/** Notices within one process. */
export interface LocalNotices extends Notices {
  /** Something changed in a chat: a frame was appended, or anything else. Without `chatId`, anything anywhere. */
  notify(chatId?: string, topic?: Topic): void;
  /** The chats that somebody listens to. */
  chatIds(): readonly string[];
  close(): void;
}

/**
 * Makes the notices of a store that this process alone writes to. For a store that others write to as well, `whileListening` is called when the first caller begins
 * to listen, and what it returns when the last one stopped: where their changes have to be looked for.
 */
export function createLocalNotices(options: { whileListening?: () => () => void } = {}): LocalNotices {
  const listeners = new Map<string, Map<() => void, Topic>>();
  let stopLooking: (() => void) | undefined;

  return {
    listen(chatId, topic, wake) {
      if (listeners.size === 0) stopLooking = options.whileListening?.();
      const chat = listeners.get(chatId) ?? new Map<() => void, Topic>();
      listeners.set(chatId, chat.set(wake, topic));
      return {
        stop() {
          if (!chat.delete(wake) || chat.size > 0) return;
          listeners.delete(chatId);
          if (listeners.size === 0) stopLooking?.();
        },
      };
    },
    notify(chatId, topic) {
      const chats = chatId === undefined ? [...listeners.values()] : [listeners.get(chatId)];
      for (const chat of chats) {
        for (const [wake, heard] of chat ?? []) if (topic !== 'frames' || heard === 'frames') wake();
      }
    },
    chatIds: () => [...listeners.keys()],
    close() {
      if (listeners.size > 0) stopLooking?.();
      listeners.clear();
    },
  };
}
