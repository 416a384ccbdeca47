import type { CommandMessage, ErrorCode, ReceiptMessage } from '@chat-transport/core/provider';

/*
 * The socket's own wire. A published message goes down as `<chatId> <data>`, everything else is one JSON object per text frame.
 * Where only the text of one delta is new, `data` is short (short-message.ts).
 * A chat id never begins with `{`, so the first character tells the two apart, and `data` is not escaped a second time.
 */

/**
 * The query of a socket's address by which our client asks for `welcome` and for a refusal that it can read. Stock
 * clients lack it.
 */
export const wireVersionQuery = ['v', '1'] as const;

/** What a client says. `ref` is the client's number for a subscription or a signal; the answer carries it. */
export type ClientFrame =
  | { readonly type: 'subscribe'; readonly ref: number; readonly chat: string; readonly token: string }
  | { readonly type: 'unsubscribe'; readonly chat: string }
  | (CommandMessage & { readonly chat: string })
  | { readonly type: 'ping' };

/** What the server says. */
export type ServerFrame =
  /** The first frame: the socket may carry so many chats. */
  | { readonly type: 'welcome'; readonly maxSubscriptions: number }
  /**
   * The first frame of a socket that the server closes at once, because a browser cannot read why a handshake was
   * refused.
   */
  | { readonly type: 'denied'; readonly code: ErrorCode; readonly message: string }
  /** Everything published to the chat arrives from here on. */
  | { readonly type: 'live'; readonly ref: number; readonly chat: string }
  /** Not subscribed, or not any more. */
  | {
      readonly type: 'refused';
      readonly ref: number;
      readonly chat: string;
      readonly code: ErrorCode;
      readonly message: string;
    }
  /** Messages were dropped because this reader was too slow; from here on they arrive again. */
  | { readonly type: 'missed'; readonly ref: number; readonly chat: string }
  /** The subscription ends soon unless it is subscribed again with a new token. */
  | { readonly type: 'reauthorize'; readonly ref: number; readonly chat: string }
  | ReceiptMessage
  | { readonly type: 'pong' };
