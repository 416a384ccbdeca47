import type { CommandMessage, ErrorCode, ReceiptMessage, RunLog } from '@chat-transport/core/provider';

/*
 * What goes over a chat's socket, beside published frames, `ping` and `pong`. A frame begins with `{"v"`, these with `{"type"`.
 */

/** Tells the object that the device has read everything in front of this mark. */
export type ReturnedMark = Extract<DeviceMessage, { type: 'mark' }>;

/** What a device says. */
export type ClientMessage = CommandMessage | ReturnedMark;

/** What the object sends to a device. */
export type DeviceMessage =
  /**
   * Everything published arrives from here on, behind offset `next` of the newest run, if there is one; what was missed
   * since the position in the address has come before it.
   */
  | { readonly type: 'live'; readonly run?: string; readonly next?: number }
  /** The session is over: a new socket, with a new ticket, goes on. A close alone can take 20 s to arrive. */
  | { readonly type: 'over' }
  /** The device returns this message as it is: it has read everything before it. */
  | { readonly type: 'mark'; readonly mark: string }
  | ReceiptMessage;

/** The calls of the log that a server elsewhere makes. */
export type LogCall = Exclude<keyof RunLog, 'name' | 'close'>;

/** What the server that writes the answers asks of the log. `id` is unique for it, also over reconnects. */
export type LogQuestion =
  | { readonly id: string; readonly call: LogCall; readonly args: readonly unknown[] }
  /** Nobody waits for the answer any more. */
  | { readonly id: string; readonly abort: true };

/** What it is answered. */
export type LogAnswer =
  | { readonly id: string; readonly answer: unknown }
  | { readonly id: string; readonly error: WireError & { readonly retryable: boolean } };

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What a silent client says; the object answers without being woken. */
export const ping = 'ping';
export const pong = 'pong';
