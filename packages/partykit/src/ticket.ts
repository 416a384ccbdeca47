import { jwtVerify, SignJWT } from 'jose';

/** What the bearer of a ticket may do: actions of `authorize`, or, for the server that writes the answers, `log`. */
export type Permission = 'read' | 'send' | 'command' | 'log';

/** A short-lived credential for one chat, signed with the secret that the Worker shares with the server. */
export interface Ticket {
  readonly chatId: string;
  readonly may: readonly Permission[];
  /** What `authorize` answered. */
  readonly userId?: string | undefined;
}

/** How long a ticket opens sockets, in milliseconds. */
export const ticketTtlMs = 60_000;
/** Shortest secret, in bytes: as long as the key of the HMAC that signs with it. */
export const minSecretBytes = 32;
/** The header in which the Worker hands a request's ticket to the object. */
export const ticketHeader = 'x-chat-ticket';

const audience = 'chat-transport/partykit';
/** How far the clocks of server and Worker may be apart, in seconds. */
const clockToleranceSeconds = 5;

/** The secret as a key. @throws TypeError when it is shorter than `minSecretBytes`. */
export function keyOf(secret: string): Uint8Array {
  const key = new TextEncoder().encode(secret);
  if (key.length >= minSecretBytes) return key;
  throw new TypeError(`partykit: \`secret\` has ${key.length} bytes; it needs at least ${minSecretBytes}.`);
}

/** Signs a ticket. */
export function signTicket(key: Uint8Array, { chatId, may, userId }: Ticket): Promise<string> {
  return new SignJWT({ chat: chatId, may, ...(userId !== undefined && { user: userId }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setAudience(audience)
    .setExpirationTime(Math.ceil((Date.now() + ticketTtlMs) / 1000))
    .sign(key);
}

/** The ticket, if it is ours, not over, and for this chat. */
export async function verifyTicket(key: Uint8Array, token: string | null, chatId: string): Promise<Ticket | undefined> {
  try {
    const { payload } = await jwtVerify(token ?? '', key, {
      algorithms: ['HS256'],
      audience,
      requiredClaims: ['exp'],
      clockTolerance: clockToleranceSeconds,
    });
    if (payload.chat !== chatId || !Array.isArray(payload.may)) return undefined;
    return { chatId, may: payload.may, ...(typeof payload.user === 'string' && { userId: payload.user }) };
  } catch {
    return undefined;
  }
}
