import type { ChatHandlerOptions } from '@chat-transport/core/server';
import type { UIMessage } from 'ai';

/**
 * What `ChatServer.configure` answers. With `respond` and the other options of `createChatHandler`, answers are made
 * inside the object.
 */
export interface ChatServerOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends Partial<Omit<ChatHandlerOptions<UI_MESSAGE>, 'api' | 'authorize' | 'log' | 'realtime' | 'waitUntil'>> {
  /**
   * What tickets are signed with, the same in the Worker and in the server that writes the answers: at least 32 bytes.
   */
  readonly secret: string;
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs */
  readonly retentionMs?: number | undefined;
  /**
   * Shortest time between two flushes of an answer that is made here, in milliseconds. Each is a row written.
   * @default defaultLimits
   */
  readonly flushIntervalMs?: number | undefined;
  /** Larger messages are not sent but read from the log, in bytes of UTF-8. @default defaultLimits */
  readonly maxMessageBytes?: number | undefined;
  /** How long a socket lasts before it must show a new ticket, in milliseconds. @default defaultSessionMs */
  readonly sessionMs?: number | undefined;
  /** Sockets of one user in one chat, where `authorize` answers with a `userId`. @default defaultMaxConnectionsPerUser */
  readonly maxConnectionsPerUser?: number | undefined;
  /** The log's clock, in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** Default of `maxConnectionsPerUser`. */
export const defaultMaxConnectionsPerUser = 64;
/** Default of `sessionMs`: one hour. */
export const defaultSessionMs: number = 60 * 60 * 1000;
