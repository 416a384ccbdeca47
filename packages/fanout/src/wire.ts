import type { ReceiptMessage } from '@chat-transport/core/provider';

/*
 * What goes over a WebSocket beside published frames. A frame begins with `{"v"`, these with `{"type"`.
 */

/** What a device receives. */
export type DeviceMessage =
  /** Everything published from here on arrives. */
  | { readonly type: 'live' }
  /** The proxy's sign of life. */
  | { readonly type: 'alive' }
  | ReceiptMessage;

/** The path under the base path where held connections open: a WebSocket, or a GET that accepts an event stream. */
export const socketPath = '/socket';

/** The header that gives a stream's first offset in the run of `x-chat-run-id`. */
export const nextHeader = 'x-chat-next';
