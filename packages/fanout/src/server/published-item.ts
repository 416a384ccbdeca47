import { decodeFrame, type Frame, sseFrame, sseGroup } from '@chat-transport/core/provider';
import { HttpResponseFormat, HttpStreamFormat, type IFormat, Item, WebSocketMessageFormat } from '@fanoutio/grip';
import { controlChannel, otherChannel } from './channels.ts';
import { formatPosition, placeOf } from './frame-ids.ts';

/** What is published of one message of core, one after the other. */
export type Publications = readonly (readonly [channel: string, item: Item])[];

/** A message for all carriers: as it is for WebSockets, and as core's events for held streams and long-polls. */
export function publicationsOf(channel: string, data: string): Publications {
  const socketFormat = new WebSocketMessageFormat(data);
  const frame = decoded(data);
  if (!frame) return [[otherChannel(channel), new Item([socketFormat, new HttpStreamFormat(unknownEvent(data))])]];
  const { from, to } = placeOf(frame);
  const item = (formats: IFormat[]): Item => new Item(formats, formatPosition(to), formatPosition(from));
  const text = eventText(frame);
  if (text === undefined) {
    return [
      [channel, item([socketFormat])],
      [controlChannel(channel), askItem],
    ];
  }
  return [[channel, item([socketFormat, new HttpStreamFormat(text), new HttpResponseFormat({ body: text })])]];
}

/** Makes held streams and long-polls ask the function what is new. */
const askItem: Item = new Item(
  ['http-stream', 'http-response'].map((name) => ({ name: () => name, export: () => ({ action: 'hint' }) })),
);

/**
 * What readers of core's stream route get. Not for an end, where a stock reader and one that follows the chat get different events, made from the
 * log; nor for a pointer, whose chunks are in the log.
 */
function eventText(frame: Frame): string | undefined {
  if ('start' in frame) return sseFrame(frame);
  return 'chunks' in frame && !frame.snapshot ? sseGroup(frame.chunks, frame) : undefined;
}

/** What devices report as unknown to them. */
function unknownEvent(data: string): string {
  return `event: frame\n${data.replaceAll(/^/gm, 'data: ')}\n\n`;
}

/** `undefined` for what only a newer server would send. */
function decoded(data: string): Frame | undefined {
  try {
    return decodeFrame(data);
  } catch {
    return undefined;
  }
}
