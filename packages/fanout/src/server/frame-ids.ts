import { decodeFrame, type RunRecord } from '@chat-transport/core/provider';

/** A message's place among those of its chat. */
export interface MessagePlace {
  /** The position behind the message. */
  readonly id: string;
  /** The position in front of it. */
  readonly prevId: string;
}

/**
 * What the proxy compares to find gaps. It follows from the frame alone, so any process may publish any frame of a run: positions are
 * `<turn>:<offset>`, and turns follow each other. `undefined` for a message that has no place among them, which only a newer server would send.
 */
export function placeOf(data: string): MessagePlace | undefined {
  try {
    const frame = decodeFrame(data);
    const { turn } = frame;
    if ('start' in frame) return { id: `${turn}:0`, prevId: `${turn - 1}:end` };
    return { id: 'end' in frame ? `${turn}:end` : `${turn}:${frame.next}`, prevId: `${turn}:${frame.at}` };
  } catch {
    return undefined;
  }
}

/** The id of the newest message of a chat, by its log. */
export function newestId(run: RunRecord | undefined): string {
  if (!run) return '0:end';
  return `${run.turn}:${run.end ? 'end' : run.next}`;
}

/** Where messages without a place go: the proxy asks for what is missing when one comes between the others. */
export function looseChannel(channel: string): string {
  return `${channel}.other`;
}
