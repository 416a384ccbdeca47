import { createLocalNotices, type LocalNotices } from '@chat-transport/core/provider';
import type { PostgresListen } from './postgres-client.ts';
import { keepListening } from './postgres-listener.ts';

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

/** Notices of this process's changes at once, and of other processes' by LISTEN; while no notices arrive, by one poll for all who wait. */
export interface PostgresNotices extends LocalNotices {
  /** A frame was appended here. */
  frameAppended(chatId: string): void;
}

/** Payloads: `f` and the chats that have new frames, or `c` and the chat in which anything else changed. */
export function createPostgresNotices({ listen, pollMs, progress, notify }: PostgresNoticesOptions): PostgresNotices {
  const appended = new Set<string>();
  let seen = new Map<string, string>();
  let isNeeded = false;
  let isHeard = false;
  let poll: ReturnType<typeof setTimeout> | undefined;
  let gather: ReturnType<typeof setTimeout> | undefined;

  const local = createLocalNotices({
    whileListening() {
      isNeeded = true;
      listener?.check();
      schedulePoll();
      return () => {
        isNeeded = false;
      };
    },
  });
  const schedulePoll = (): void => {
    if (!poll && isNeeded && !isHeard) poll = setTimeout(look, pollMs);
  };
  const look = async (): Promise<void> => {
    const chatIds = local.chatIds();
    try {
      const found = chatIds.length > 0 ? await progress(chatIds) : {};
      const before = seen;
      seen = new Map(chatIds.map((chatId) => [chatId, found[chatId] ?? '']));
      // A chat that was not looked at before may have changed since its first listener looked.
      for (const [chatId, now] of seen) if (before.get(chatId) !== now) local.notify(chatId);
    } catch {
      // Those who wait ask the store themselves, and so learn why.
      local.notify();
    }
    poll = undefined;
    schedulePoll();
  };
  const sendAppended = (): void => {
    gather = undefined;
    const chatIds = [...appended];
    appended.clear();
    for (let from = 0; from < chatIds.length; from += maxChatsPerNotice) {
      // The next notice makes up for one that is lost, and so do the readers' own time limits.
      notify(`f ${chatIds.slice(from, from + maxChatsPerNotice).join(' ')}`).then(null, () => {});
    }
  };
  const listener =
    listen &&
    keepListening({
      ...{ listen, notify },
      isNeeded: () => isNeeded,
      onNotice(payload) {
        const [kind, ...chatIds] = payload.split(' ');
        for (const chatId of chatIds) local.notify(chatId, kind === 'f' ? 'frames' : 'changes');
      },
      onChange(now) {
        isHeard = now;
        if (isHeard) local.notify();
        else schedulePoll();
      },
    });

  return {
    ...local,
    frameAppended(chatId) {
      local.notify(chatId, 'frames');
      if (!listener) return;
      appended.add(chatId);
      gather ??= setTimeout(sendAppended, gatherMs);
    },
    async close() {
      for (const timer of [poll, gather]) clearTimeout(timer);
      local.close();
      await listener?.close();
    },
  };
}
