import type { UIMessage } from 'ai';
import type { ChatTransportError } from '../errors.ts';
import type { EndReason, RunStart } from '../wire/frame.ts';

/** A chat as `GET {api}/{chatId}` reports it. */
export interface ChatSnapshot<UI_MESSAGE extends UIMessage = UIMessage> {
  /** The newest run's turn; 0 for a chat without runs. */
  readonly turn: number;
  /** The run that is not over. */
  readonly active?: { readonly runId: string; readonly turn: number; readonly messageId?: string };
  /** The newest runs, oldest first. */
  readonly runs?: readonly {
    readonly runId: string;
    readonly turn: number;
    readonly from?: string;
    /** The assistant message that the run writes. */
    readonly messageId?: string;
    /** How the run ended; `at` is its number of offsets. */
    readonly end?: { readonly reason: EndReason; readonly at?: number };
  }[];
  /** How the answers of the conversation ended, by the id of their message. */
  readonly outcomes?: Readonly<Record<string, EndReason>>;
  /** Whether the chat was deleted, and no run has begun since: it is shown empty. */
  readonly deleted?: true;
  /** The conversation, with the newest run's answer so far; absent where the server keeps none. */
  readonly messages?: UI_MESSAGE[];
}

/** What `watch` reports about a chat, in the order of its turns. */
export type ChatUpdate<UI_MESSAGE extends UIMessage = UIMessage> =
  /** A run began. `start` is absent for a run that this device sent: it has the messages. */
  | { readonly type: 'start'; readonly runId: string; readonly turn: number; readonly start?: RunStart }
  /** A run ended. */
  | { readonly type: 'end'; readonly runId: string; readonly turn: number; readonly reason: EndReason }
  /** Turns were missed, or this is the first news: the chat as it is now. */
  | { readonly type: 'state'; readonly state: ChatSnapshot<UI_MESSAGE> };

/**
 * How a chat is connected. `path` is the one by which answers arrive. `offline`: the newest attempt has failed. `refused`: the server does not
 * let this device read the chat, or what answers in its place is no chat server (a login page); nothing is requested until `retry` is called, the user
 * sends, or the page is shown again.
 */
export type Connection =
  | {
      readonly state: 'idle' | 'connecting' | 'connected' | 'offline';
      readonly path: 'realtime' | 'response' | 'sse' | 'poll' | null;
    }
  | { readonly state: 'refused'; readonly path: null; readonly error: ChatTransportError; readonly retry: () => void };

/** A value that can be read and subscribed to, in the form that React's `useSyncExternalStore` takes. */
export interface ConnectionStore {
  getSnapshot(): Connection;
  subscribe(onChange: () => void): () => void;
}

/** What a transport reports to `onEvent`. Nothing here needs an answer: the transport has dealt with it. */
export type TransportEvent =
  | { readonly type: 'malformed-frame' | 'realtime-failed'; readonly chatId: string; readonly error: unknown }
  /** The server sends frames of a kind or version that this client does not know: it is newer. Reported once per chat. */
  | { readonly type: 'unknown-frame'; readonly chatId: string; readonly error: unknown }
  | { readonly type: 'http-failed'; readonly error: unknown };
