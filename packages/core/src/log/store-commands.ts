import { ChatTransportError } from '../errors.ts';
import type { LogStore } from './log-store.ts';
import {
  type CommandReceipt,
  parkedCommandsPerChat,
  parkedCommandTtlMs,
  type RunCommand,
  type RunKey,
  type SteerCommand,
  type WriterNews,
} from './run-log.ts';
import { endOf, type RunRow } from './run-row.ts';

const ended: CommandReceipt = { outcome: 'not-delivered', reason: 'ended' };

/** Whether a writer with this fence may write nothing any more. `row` must have its end applied. */
export function lostWriter(row: RunRow, fence: string): boolean {
  return row.end !== undefined || row.fence !== fence;
}

/** What a writer learns. A fence that is not the run's reads as `lost`: for that writer the run is gone. */
export function writerNews(store: LogStore, row: RunRow, fence: string, now: number): WriterNews {
  const end = endOf(row, now);
  if (end) return { end: { reason: end.reason }, commands: [] };
  if (row.fence !== fence) return { end: { reason: 'lost' }, commands: [] };
  return { commands: store.openSteers(row).map((steer) => JSON.parse(steer.signal) as SteerCommand) };
}

/** Records a steer's final outcome, if it has none yet. The run's end is an outcome. */
export function settleSteer(store: LogStore, row: RunRow, id: string, receipt: CommandReceipt): void {
  if (row.end || receipt.outcome === 'accepted') return;
  const steer = store.steer(row, id);
  if (steer && !steer.receipt) store.settleSteer(row, id, receipt);
}

/** Applies `RunLog.signal`. `row` has its end applied, and is absent for an unknown run. */
export function handleCommand(
  store: LogStore,
  key: RunKey,
  row: RunRow | undefined,
  signal: RunCommand,
  now: number,
): CommandReceipt {
  if (signal.type === 'steer') return steer(store, key, row, signal);
  if (!row) return park(store, key, signal.id, now);
  if (row.cancelIds.includes(signal.id)) return { outcome: 'delivered' };
  if (row.end) return ended;
  store.updateRun({ ...row, end: { reason: 'cancel', at: now }, cancelIds: [...row.cancelIds, signal.id] });
  return { outcome: 'delivered' };
}

function steer(store: LogStore, key: RunKey, row: RunRow | undefined, signal: SteerCommand): CommandReceipt {
  if (!row) throw new ChatTransportError({ code: 'not-found', message: `The chat has no run ${key.runId} to steer.` });
  const known = store.steer(key, signal.id);
  if (known?.receipt) return known.receipt;
  if (row.end) return ended;
  if (!known) store.insertSteer(key, { id: signal.id, signal: JSON.stringify(signal), receipt: undefined });
  return { outcome: 'accepted' };
}

function park(store: LogStore, { chatId, runId }: RunKey, id: string, now: number): CommandReceipt {
  const alive = [];
  for (const cancel of store.parkedCancels(chatId)) {
    if (cancel.at > now - parkedCommandTtlMs) alive.push(cancel);
    else store.unpark(chatId, cancel);
  }
  if (!alive.some((cancel) => cancel.runId === runId && cancel.id === id)) {
    const [oldest] = alive;
    if (oldest && alive.length >= parkedCommandsPerChat) store.unpark(chatId, oldest);
    store.park(chatId, { runId, id, at: now });
  }
  return { outcome: 'accepted' };
}
