import { type ChatTokens, createChatTokens } from '@chat-transport/core/provider';

/** How long a ticket opens sockets, in milliseconds. */
export const ticketTtlMs = 60_000;
/** The header in which the Worker hands a request's ticket to the object. */
export const ticketHeader = 'x-chat-ticket';

/** How far the clocks of server and Worker may be apart, in milliseconds. */
const toleranceMs = 5_000;

/**
 * The tickets signed with the secret that the Worker shares with the server: short-lived credentials for one chat.
 * @throws TypeError when `secret` is shorter than `minSecretBytes`.
 */
export function ticketsOf(secret: string): ChatTokens {
  return createChatTokens({ name: 'partykit', secret, ttlMs: ticketTtlMs, toleranceMs });
}
