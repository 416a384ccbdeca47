import type { UIMessage } from 'ai';

/** What a send does: adds a message, replaces one, asks for another answer, or goes on with an answer (tool outputs, approvals). */
export type SendKind = 'message' | 'edit' | 'regenerate' | 'answer';

/** A send of this device that the server has not accepted. */
export interface OwnSend {
  /** The run that the send begins. */
  readonly runId: string;
  readonly kind: SendKind;
  /** The message that is sent, edited, or answered. An edit may give it another id, which is in `message`. */
  readonly messageId: string;
  /** Its content as the user gave it; absent for a regenerate. */
  readonly message?: UIMessage | undefined;
  readonly state: 'sending' | 'refused';
  /** Why it was refused. */
  readonly error?: unknown;
}

export type Outbox = readonly OwnSend[];

/** How many refused sends are kept. Above it, the oldest is forgotten. */
export const maxRefused = 32;

/** A send begins. A send of the same message, and of the same kind, takes the place of a refused one. */
export function sent(outbox: Outbox, send: Omit<OwnSend, 'state' | 'error'>): Outbox {
  const others = outbox.filter(({ messageId, kind }) => messageId !== send.messageId || kind !== send.kind);
  return [...others, { ...send, state: 'sending' as const }].slice(-maxRefused);
}

/** The server, or the network, has refused a send. */
export function refused(outbox: Outbox, runId: string, error: unknown): Outbox {
  return outbox.map((send) => (send.runId === runId ? { ...send, state: 'refused', error } : send));
}

/** The user has given up a refused send. One that is under way stays. */
export function discarded(outbox: Outbox, messageId: string): Outbox {
  return outbox.filter((send) => send.messageId !== messageId || send.state === 'sending');
}

/** The id that the message of a send has on this device. */
export function shownId({ messageId, message }: Pick<OwnSend, 'messageId' | 'message'>): string {
  return message?.id ?? messageId;
}

/** The ids of messages that only this device has: of new ones, and those that edits give to messages. */
export function ownMessages(outbox: Outbox): readonly string[] {
  return outbox.filter((send) => shownId(send) !== send.messageId || send.kind === 'message').map(shownId);
}
