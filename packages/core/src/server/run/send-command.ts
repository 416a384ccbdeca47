import { ChatTransportError } from '../../errors.ts';
import type { CommandReceipt, RunCommand, RunKey, RunRecord } from '../../log/run-log.ts';
import { type Engine, keyOf } from '../engine.ts';

/** Hands a command to a run: at once where its writer is in this process, else through the log. Waits for the final outcome for at most `waitMs`. */
export async function sendCommand(
  engine: Engine,
  key: RunKey,
  command: RunCommand,
  { waitMs = 0, signal = engine.closing }: { readonly waitMs?: number; readonly signal?: AbortSignal } = {},
): Promise<CommandReceipt> {
  const { log } = engine.options;
  let receipt = await log.command(key, command);
  if (command.type === 'cancel' && receipt.outcome === 'delivered') await applyCancel(engine, key);
  if (receipt.outcome === 'accepted') {
    if (command.type === 'cancel') engine.sends.stop(key, command);
    if (command.type === 'steer') void engine.live.get(keyOf(key))?.onSteer(command);
    if (waitMs > 0) receipt = await log.receipt(key, command.id, { waitMs, signal });
  }
  const isLate = command.type === 'steer' && receipt.reason === 'ended';
  return isLate && (await isInAnswer(engine, key, command.id)) ? { outcome: 'delivered' } : receipt;
}

/** Whether a steer became a part of the answer: a run can end between its chunk and its outcome. */
async function isInAnswer({ runs, options }: Engine, key: RunKey, id: string): Promise<boolean> {
  try {
    // By the log's record: the writer may not know yet that its run is over, nor all that the log has of it.
    const { runs: records } = await options.log.state(key.chatId);
    const { chunks } = await runs.read(records.find(({ runId }) => runId === key.runId) ?? key);
    return chunks.some((chunk) => chunk.type === 'steering-message' && chunk.id === id);
  } catch (error) {
    if (ChatTransportError.isInstance(error) && (error.code === 'log-expired' || error.code === 'not-found'))
      return false;
    throw error;
  }
}

/** The run is over in the log: informs its writer here, or devices in the place of a writer elsewhere. */
async function applyCancel(engine: Engine, key: RunKey): Promise<void> {
  const live = engine.live.get(keyOf(key));
  if (live) return live.onCancel();
  const state = await engine.options.log.state(key.chatId);
  const run = state.runs.find(({ runId }) => runId === key.runId);
  if (run?.end?.reason === 'cancel') engine.finisher.cancelledElsewhere(run);
}

/** Cancels a run in the name of the server. */
export async function cancelRun(engine: Engine, run: RunRecord): Promise<void> {
  await sendCommand(engine, run, { id: crypto.randomUUID(), type: 'cancel' });
}
