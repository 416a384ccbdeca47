import type { DatabaseSync } from 'node:sqlite';
import { type LocalNotices, revocationsClaim } from '@chat-transport/core/provider';

/**
 * How often a waiting log looks for other processes' commits, in milliseconds. One look reads one number from shared
 * memory; after a commit also the progress of each chat in which somebody waits.
 */
const commitPollMs = 20;

/** All of a chat that a waiting call may see change. Time is not in it: who waits for time looks again by itself. */
const chatProgress = `
  select json_array(chat.turn, chat.deleted_turn, run.next, run.fence, run.end_reason,
    (select count(*) from chat_log_steers where run = run.id),
    (select count(outcome) from chat_log_steers where run = run.id),
    (select owner from chat_log_claims as claim where claim.chat_id = asked.chat_id and name = '${revocationsClaim}')
  ) as progress
  from (select ? as chat_id) as asked
  left join chat_log_chats as chat on chat.chat_id = asked.chat_id
  left join chat_log_runs as run on run.chat_id = asked.chat_id and run.turn = chat.turn`;

/** Wakes those who wait in a chat that another connection has changed, until the answer is called. */
export function watchCommits(database: DatabaseSync, notices: LocalNotices): () => void {
  const version = database.prepare('pragma data_version');
  const progress = database.prepare(chatProgress);
  let seenVersion: unknown;
  let seen = new Map<string, unknown>();
  const look = (): void => {
    const newVersion = version.get()?.data_version;
    if (newVersion === seenVersion) return;
    const before = seen;
    seen = new Map(notices.chatIds().map((chatId) => [chatId, progress.get(chatId)?.progress]));
    seenVersion = newVersion;
    // A chat that was not looked at before may have changed since its first listener looked.
    for (const [chatId, now] of seen) if (before.get(chatId) !== now) notices.notify(chatId);
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch {
      // Those who wait meet the error themselves.
      notices.notify();
    }
  }, commitPollMs);
  return () => clearInterval(timer);
}
