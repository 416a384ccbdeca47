import type { EndReason } from '../wire/frame.ts';
import type { Connection } from './chat-update.ts';
import type { Outbox } from './ledger/outbox.ts';

/** What a device has to say about a chat beside its messages. */
export interface ChatReport {
  readonly connection: Connection;
  /** The sends of this device that the server has not accepted: `sending`, or `refused` with their error. */
  readonly unsent: Outbox;
  /** How each answer ended, by the id of its message. An answer that is being written has none. */
  readonly outcomes: Readonly<Record<string, EndReason>>;
}
