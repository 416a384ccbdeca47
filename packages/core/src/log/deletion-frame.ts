import { type EndFrame, wireVersion } from '../wire/frame.ts';

/**
 * Reports to devices that a chat was deleted: an end frame that belongs to no run, at the deletion's own turn. A device that does not know `deleted` meets a turn
 * that it has not seen, and reads the state. PROTOCOL.md section 7.8.
 */
export function deletionFrame(turn: number): EndFrame {
  return { v: wireVersion, run: `deleted-${turn}`, turn, at: 0, end: { reason: 'cancel', deleted: true } };
}
