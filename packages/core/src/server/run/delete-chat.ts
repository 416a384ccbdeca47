import { deletionFrame } from '../../log/deletion-frame.ts';
import { type Engine, keyOf } from '../engine.ts';
import { endFrameOf } from '../http/sse-text.ts';

/** Deletes a chat in the log, stops what this process does for it, and informs the devices that watch. */
export async function deleteChat(engine: Engine, chatId: string): Promise<{ readonly turn: number }> {
  const { options, publisher, finisher, live, runs } = engine;
  const { turn, ended } = await options.log.deleteChat(chatId);
  runs.forget(chatId);
  if (ended) {
    live.get(keyOf(ended))?.onCancel();
    publisher.publish(chatId, endFrameOf(ended));
  }
  if (turn > 0) publisher.publish(chatId, deletionFrame(turn));
  await finisher.idle(chatId);
  return { turn };
}
