import { backoffMs, createLocalNotices, type LocalNotices } from '@chat-transport/core/provider';
import type { PostgresListen } from './postgres-client.ts';

/** The channel of Postgres' notices. */
export const noticeChannel = 'chat_transport';
/** Default of `pollMs`. */
export const defaultPollMs = 150;
/** How long frames of this process are gathered before other processes are notified, in milliseconds: notifying commits wait for one another. */
const gatherMs = 25;
/** Postgres takes payloads of less than 8,000 bytes. A chat's id has up to 128. */
const maxChatsPerNotice = 60;

/** What the notices need of the store. */
export interface PostgresNoticesOptions {
  readonly listen: PostgresListen | undefined;
  readonly pollMs: number;
  /** How far each of these chats is, in one query. */
  readonly progress: (chatIds: readonly string[]) => PromiseLike<Readonly<Record<string, string>>>;
  /** Sends a notice to other processes. */
  readonly notify: (payload: string) => PromiseLike<unknown>;
}

/** Notices of this process's changes at once, and of other processes' by LISTEN; while nobody listens, by one poll for all who wait. */
export interface PostgresNotices extends LocalNotices {
  /** A frame was appended here. */
  frameAppended(chatId: string): void;
}

/** Payloads: `f` and the chats that have new frames, or `c` and the chat in which anything else changed. */
export function createPostgresNotices({ listen, pollMs, progress, notify }: PostgresNoticesOptions): PostgresNotices {
  const waiting = new Map<string, number>();
  const seen = new Map<string, string>();
  const appended = new Set<string>();
  let isListening = false;
  let isClosed = false;
  let failures = 0;
  let stopListening: (() => unknown) | undefined;
  let poll: ReturnType<typeof setTimeout> | undefined;
  let gather: ReturnType<typeof setTimeout> | undefined;
  let relisten: ReturnType<typeof setTimeout> | undefined;
  const local = createLocalNotices();

  const connect = async (): Promise<void> => {
    if (!listen || isClosed) return;
    try {
      const stop = await listen(noticeChannel, heard, lost);
      if (isClosed) return void stop();
      stopListening = stop;
      isListening = true;
      failures = 0;
      // What happened until now was not heard.
      local.notify();
    } catch {
      lost();
    }
  };
  const lost = (): void => {
    isListening = false;
    // A client that connects again by itself would otherwise listen twice.
    Promise.resolve(stopListening?.()).catch(() => {});
    stopListening = undefined;
    clearTimeout(relisten);
    if (!isClosed) relisten = setTimeout(() => void connect(), backoffMs(failures++));
    schedulePoll();
  };
  const heard = (payload: string): void => {
    const [kind, ...chatIds] = payload.split(' ');
    for (const chatId of chatIds) local.notify(chatId, kind === 'f' ? 'frames' : 'changes');
  };

  const schedulePoll = (): void => {
    if (poll || isListening || isClosed || waiting.size === 0) return;
    poll = setTimeout(async () => {
      const chatIds = [...waiting.keys()];
      try {
        const found = await progress(chatIds);
        for (const chatId of chatIds) {
          const now = found[chatId] ?? '';
          // A chat that was not looked at before may have changed since its first listener looked.
          if (seen.get(chatId) !== now) local.notify(chatId);
          if (waiting.has(chatId)) seen.set(chatId, now);
        }
      } catch {
        // Those who wait ask the store themselves: they learn why.
        local.notify();
      }
      poll = undefined;
      schedulePoll();
    }, pollMs);
  };

  void connect();
  return {
    notify: local.notify,
    frameAppended(chatId) {
      local.notify(chatId, 'frames');
      if (!listen) return;
      appended.add(chatId);
      gather ??= setTimeout(() => {
        gather = undefined;
        const chatIds = [...appended];
        appended.clear();
        for (let from = 0; from < chatIds.length; from += maxChatsPerNotice) {
          // A notice that is lost is made up for by the next one, and by the readers' own time limits.
          notify(`f ${chatIds.slice(from, from + maxChatsPerNotice).join(' ')}`).then(null, () => {});
        }
      }, gatherMs);
    },
    listen(chatId, topic, wake) {
      waiting.set(chatId, (waiting.get(chatId) ?? 0) + 1);
      const { stop } = local.listen(chatId, topic, wake);
      let isOver = false;
      schedulePoll();
      return {
        stop() {
          if (isOver) return;
          isOver = true;
          stop();
          const left = (waiting.get(chatId) ?? 1) - 1;
          if (left > 0) return void waiting.set(chatId, left);
          waiting.delete(chatId);
          seen.delete(chatId);
        },
      };
    },
    async close() {
      isClosed = true;
      for (const timer of [poll, gather, relisten]) clearTimeout(timer);
      local.close();
      await stopListening?.();
    },
  };
}
