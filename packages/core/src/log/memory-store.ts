import { createLocalNotices, type LocalNotices } from './local-notices.ts';
import type {
  Changes,
  Facts,
  LogStore,
  Need,
  OpenCommand,
  ParkedCancel,
  SteerCounts,
  StoredClaim,
  StoredConversation,
  StoredFrame,
  StoredRun,
} from './log-store.ts';
import { claimKind } from './log-store.ts';
import { MemoryRuns, overAt } from './memory-runs.ts';
import { type CommandReceipt, parkedCommandTtlMs } from './run-log.ts';
import { endOf, type RunRow } from './run-row.ts';

/** How many claims a chat keeps before it looks for those that are over. */
const minClaims = 32;

interface MemorySteer extends OpenCommand {
  receipt: CommandReceipt | undefined;
}

interface MemoryRun {
  row: RunRow;
  /** Absent once the run's contents are deleted. */
  start: string | undefined;
  context: string | undefined;
  snapshot: string | undefined;
  frames: StoredFrame[];
  steers: Map<string, MemorySteer>;
}

interface MemoryChat {
  turn: number;
  deletedTurn: number;
  messages: { readonly turn: number; readonly text: string }[];
  runs: MemoryRuns<MemoryRun>;
  parked: readonly ParkedCancel[];
  claims: Map<string, StoredClaim>;
  /** How many claims there may be before those that are over are removed: twice as many as were kept the last time. */
  maxClaims: number;
}

/** A store in this process's memory. JavaScript runs one caller at a time, so that each method is a transaction. */
export function createMemoryStore(
  options: { readonly now?: (() => number) | undefined; readonly notices?: LocalNotices } = {},
): LogStore {
  const { now = Date.now, notices = createLocalNotices() } = options;
  const chats = new Map<string, MemoryChat>();
  const open = (chatId: string): MemoryChat => {
    const chat = chats.get(chatId) ?? emptyChat();
    chats.set(chatId, chat);
    return chat;
  };

  const facts = (chatId: string, need: Need): Facts => {
    const chat = chats.get(chatId) ?? emptyChat();
    const time = now();
    const run = need.run === undefined ? undefined : chat.runs.get(need.run);
    const isNews = need.above === undefined || chat.turn > need.above;
    const newest = need.newest && isNews ? chat.runs.newest(need.newest) : [];
    return {
      now: time,
      turn: chat.turn,
      deletedTurn: chat.deletedTurn,
      run: run && storedRun(run),
      steer: run?.steers.get(need.steer ?? ''),
      steerCounts: need.steerCounts && run ? countSteers(run) : undefined,
      openCommands: run && need.openAfter !== undefined ? openCommands(run, need.openAfter) : [],
      lastFrame: run?.frames.at(-1),
      frames: run && need.frames ? wholeFrames(run.frames, need.frames) : [],
      snapshot: run?.snapshot,
      context: run?.context,
      newest: newest.map(storedRun),
      conversation: need.messagesAfter === undefined ? undefined : newerMessages(chat, need.messagesAfter),
      parked: chat.parked,
      claim: need.claim === undefined ? undefined : chat.claims.get(need.claim),
      claimCount: need.claim === undefined ? 0 : countClaims(chat, need.claim, time),
    };
  };

  return {
    facts,
    transact(chatId, need, decide) {
      const { answer, changes } = decide(facts(chatId, need));
      if (!changes) return answer;
      apply(open(chatId), changes);
      notices.notify(chatId);
      return answer;
    },
    append({ chatId, runId }, fence, frame, cursor) {
      const run = chats.get(chatId)?.runs.get(runId);
      const time = now();
      if (!run || run.row.fence !== fence || run.row.end || run.row.leaseUntil <= time) return undefined;
      if (frame && frame.at !== run.row.next) return undefined;
      if (frame) run.frames.push(frame);
      run.row = { ...run.row, next: frame?.next ?? run.row.next, leaseUntil: time + run.row.leaseMs };
      if (frame) notices.notify(chatId, 'frames');
      return openCommands(run, cursor);
    },
    unfinished(limit, retentionMs) {
      const time = now();
      const found: { run: MemoryRun; at: number }[] = [];
      for (const chat of chats.values()) {
        for (const run of chat.runs.all()) {
          const { end, leaseUntil, runId } = run.row;
          const at = end?.at ?? leaseUntil;
          const claim = chat.claims.get(`finish:${runId}`);
          const isClaimed = endOf(run.row, time) !== undefined && claim && claim.until > time;
          const isOver = at <= time && overAt(run.row) > time - retentionMs && run.start !== undefined;
          if (isOver && !isClaimed) found.push({ run, at });
        }
      }
      found.sort((a, b) => a.at - b.at);
      return { now: time, runs: found.slice(0, limit).map(({ run }) => storedRun(run)) };
    },
    prune(retentionMs, chatId) {
      const time = now();
      for (const chat of chatId === undefined ? chats.values() : [chats.get(chatId)]) {
        if (chat) pruneChat(chat, time, retentionMs, chatId === undefined);
      }
    },
    notices,
    close: () => chats.clear(),
  };
}

function emptyChat(): MemoryChat {
  return {
    turn: 0,
    deletedTurn: 0,
    messages: [],
    runs: new MemoryRuns(),
    parked: [],
    claims: new Map(),
    maxClaims: minClaims,
  };
}

function countClaims({ claims }: MemoryChat, name: string, time: number): number {
  const kind = claimKind(name);
  let count = 0;
  for (const [each, { until }] of claims) if (until > time && claimKind(each) === kind) count += 1;
  return count;
}

function storedRun({ row, start }: MemoryRun): StoredRun {
  return { ...row, start };
}

function apply(chat: MemoryChat, changes: Changes): void {
  const { erase, ends = [], begin, writer, addSteer, settle, snapshot, parked, claim } = changes;
  if (erase) {
    for (const run of chat.runs.all()) emptyRun(run);
    Object.assign(chat, { turn: erase.turn, deletedTurn: erase.turn, messages: [], parked: [], claims: new Map() });
  }
  for (const { runId, end, cancelIds } of ends) {
    const run = chat.runs.get(runId);
    if (run && !run.row.end) run.row = { ...run.row, end, cancelIds };
  }
  if (begin) {
    const { row, start, context, keep, add } = begin;
    chat.turn = row.turn;
    chat.messages.length = Math.min(keep, chat.messages.length);
    for (const text of add) chat.messages.push({ turn: row.turn, text });
    chat.runs.add({ row, start, context, snapshot: undefined, frames: [], steers: new Map() });
  }
  if (writer) {
    const run = chat.runs.get(writer.runId);
    if (run && !run.row.end) run.row = { ...run.row, ...writer };
  }
  if (addSteer) {
    const { runId, id, command } = addSteer;
    const steers = chat.runs.get(runId)?.steers;
    steers?.set(id, { position: steers.size + 1, command, receipt: undefined });
  }
  if (settle) {
    const steer = chat.runs.get(settle.runId)?.steers.get(settle.id);
    if (steer) steer.receipt ??= settle.receipt;
  }
  if (snapshot) {
    const run = chat.runs.get(snapshot.runId);
    if (run) run.snapshot ??= snapshot.text;
  }
  if (parked) chat.parked = parked;
  if (claim) chat.claims.set(claim.name, { owner: claim.owner, until: claim.until });
}

function emptyRun(run: MemoryRun): void {
  Object.assign(run, { start: undefined, context: undefined, snapshot: undefined, frames: [], steers: new Map() });
}

/** `isSweep`: looks at every claim. A run's beginning does so only now and then, so that it costs the same however many there are. */
function pruneChat(chat: MemoryChat, time: number, retentionMs: number, isSweep: boolean): void {
  chat.runs.prune(time, retentionMs, (run) => {
    if (run.row.turn === chat.turn) chat.messages = [];
    emptyRun(run);
  });
  if (isSweep || chat.claims.size >= chat.maxClaims) {
    for (const [name, { until }] of chat.claims) if (until <= time) chat.claims.delete(name);
    chat.maxClaims = Math.max(minClaims, 2 * chat.claims.size);
  }
  chat.parked = chat.parked.filter(({ at }) => at > time - parkedCommandTtlMs);
}

function countSteers({ steers }: MemoryRun): SteerCounts {
  const open = [...steers.values()].filter(({ receipt }) => !receipt);
  return {
    all: steers.size,
    open: open.length,
    openLength: open.reduce((sum, { command }) => sum + command.length, 0),
  };
}

function openCommands({ steers }: MemoryRun, cursor: number): OpenCommand[] {
  if (steers.size <= cursor) return [];
  return [...steers.values()].filter(({ position, receipt }) => position > cursor && !receipt);
}

function newerMessages({ turn, messages }: MemoryChat, after: number): StoredConversation {
  const known = after > turn ? -1 : after;
  // From the end: what is newer is behind what is older.
  const kept = messages.findLastIndex((message) => message.turn <= known) + 1;
  return { length: messages.length, newer: messages.slice(kept).map(({ text }) => text) };
}

function wholeFrames(frames: readonly StoredFrame[], { from, maxLength }: NonNullable<Need['frames']>): StoredFrame[] {
  const first = firstAtOrAfter(frames, from);
  let end = first;
  for (let length = 0; end < frames.length; end += 1) {
    length += frames[end]?.chunks.length ?? 0;
    if (end > first && length > maxLength) break;
  }
  return frames.slice(first, end);
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
