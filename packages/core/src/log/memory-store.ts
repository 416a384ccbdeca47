import type { LogStore, ParkedCancel, StoredClaim, StoredFrame, StoredSteer } from './log-store.ts';
import type { RunKey } from './run-log.ts';
import { endOf, type RunRow } from './run-row.ts';

interface MemoryRun {
  row: RunRow;
  start: string | undefined;
  frames: StoredFrame[];
  steers: Map<string, StoredSteer>;
}

interface MemoryChat {
  turn: number;
  messages: string | undefined;
  /** In the order of their turns. */
  runs: Map<string, MemoryRun>;
  parked: ParkedCancel[];
  claims: Map<string, StoredClaim>;
}

/** A store in this process's memory. JavaScript runs one caller at a time, and the log's rules throw before they write. */
export function createMemoryStore(): LogStore {
  const chats = new Map<string, MemoryChat>();

  const open = (chatId: string): MemoryChat => {
    const chat = chats.get(chatId) ?? { turn: 0, messages: undefined, runs: new Map(), parked: [], claims: new Map() };
    chats.set(chatId, chat);
    return chat;
  };
  const find = ({ chatId, runId }: RunKey): MemoryRun | undefined => chats.get(chatId)?.runs.get(runId);

  return {
    write: (work) => work(),
    read: (work) => work(),
    turn: (chatId) => chats.get(chatId)?.turn ?? 0,
    messages: (chatId) => chats.get(chatId)?.messages,
    insertRun(row, start, messages) {
      const chat = open(row.chatId);
      chat.turn = row.turn;
      chat.messages = messages;
      chat.runs.set(row.runId, { row, start, frames: [], steers: new Map() });
    },
    updateRun(row) {
      const run = find(row);
      if (run) run.row = row;
    },
    run: (key) => find(key)?.row,
    newestRuns: (chatId, limit) => {
      const runs = [...(chats.get(chatId)?.runs.values() ?? [])];
      return runs
        .slice(-limit)
        .reverse()
        .map((run) => run.row);
    },
    start: (key) => find(key)?.start,

    insertFrame: (key, frame) => void find(key)?.frames.push(frame),
    frames(key, from, until, maxLength) {
      const frames = find(key)?.frames ?? [];
      const first = firstAtOrAfter(frames, from);
      let last = first;
      for (let length = 0; last < frames.length; last += 1) {
        const frame = frames[last];
        length += frame?.chunks.length ?? 0;
        if (!frame || frame.next > until || (last > first && length > maxLength)) break;
      }
      return frames.slice(first, last);
    },
    lastFrame: (key) => find(key)?.frames.at(-1),

    insertSteer: (key, steer) => void find(key)?.steers.set(steer.id, steer),
    steer: (key, id) => find(key)?.steers.get(id),
    openSteers: (key) => [...(find(key)?.steers.values() ?? [])].filter((steer) => !steer.receipt),
    settleSteer(key, id, receipt) {
      const steer = find(key)?.steers.get(id);
      if (steer) find(key)?.steers.set(id, { ...steer, receipt });
    },

    parkedCancels: (chatId) => chats.get(chatId)?.parked ?? [],
    park: (chatId, cancel) => void open(chatId).parked.push(cancel),
    unpark(chatId, cancel) {
      const chat = open(chatId);
      chat.parked = chat.parked.filter((other) => other.runId !== cancel.runId || other.id !== cancel.id);
    },

    currentClaim: (chatId, name) => chats.get(chatId)?.claims.get(name),
    putClaim: (chatId, name, claim) => void open(chatId).claims.set(name, claim),

    unfinished(now, endedAfter, limit) {
      const found: { row: RunRow; at: number }[] = [];
      for (const chat of chats.values()) {
        for (const { row } of chat.runs.values()) {
          const end = endOf(row, now);
          const claim = chat.claims.get(`finish:${row.runId}`);
          if (end && end.at > endedAfter && !(claim && claim.until > now)) found.push({ row, at: end.at });
        }
      }
      return found
        .sort((a, b) => a.at - b.at)
        .slice(0, limit)
        .map(({ row }) => row);
    },
    prune({ endedBefore, forgetBefore, claimsBefore, parkedBefore }, chatId) {
      const only = chatId === undefined ? chats.values() : [chats.get(chatId)];
      for (const chat of only) {
        if (!chat) continue;
        for (const [runId, run] of chat.runs) {
          const endedAt = run.row.end?.at ?? run.row.leaseUntil;
          if (endedAt > endedBefore) continue;
          if (run.row.turn === chat.turn) chat.messages = undefined;
          if (endedAt <= forgetBefore) chat.runs.delete(runId);
          else Object.assign(run, { start: undefined, frames: [], steers: new Map() });
        }
        for (const [name, claim] of chat.claims) if (claim.until <= claimsBefore) chat.claims.delete(name);
        chat.parked = chat.parked.filter((cancel) => cancel.at > parkedBefore);
      }
    },
    close: () => chats.clear(),
  };
}

function firstAtOrAfter(frames: readonly StoredFrame[], from: number): number {
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((frames[middle]?.at ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
