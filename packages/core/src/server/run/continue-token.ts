import { ChatTransportError } from '../../errors.ts';

/** How long a request to go on with a run may be on its way, in milliseconds. */
export const continueTokenTtlMs = 60_000;
/** Shortest `continueSecret`, in bytes: the length of the hash that it keys. */
const minSecretBytes = 32;

/** Which run goes on, and which of its writers has stopped. */
export interface ContinueRequest {
  readonly chatId: string;
  readonly runId: string;
  /** The writer that has stopped, from 1. The request is for its successor: once there is one, it is refused. */
  readonly attempt: number;
}

/** A request with a signature: it says that a process of this app asks, until when, and nothing else. */
export interface ContinueToken {
  /** When the request is too old, in milliseconds since 1970. */
  readonly expires: number;
  readonly signature: string;
}

/** Signs and checks requests to go on with a run: HMAC-SHA256. */
export interface ContinueTokens {
  sign(request: ContinueRequest): Promise<ContinueToken>;
  /** @throws ChatTransportError `unauthorized` for a request that is forged, changed, or too old. */
  check(request: ContinueRequest, token: ContinueToken): Promise<void>;
}

/** @see ContinueTokens @throws ChatTransportError `misconfigured` for a secret that is too short. */
export function createContinueTokens(secret: string | Uint8Array, now: () => number = Date.now): ContinueTokens {
  const bytes = new Uint8Array(typeof secret === 'string' ? new TextEncoder().encode(secret) : secret);
  if (bytes.length < minSecretBytes) {
    const message = `\`continueSecret\` has ${bytes.length} bytes; it needs at least ${minSecretBytes}.`;
    throw new ChatTransportError({ code: 'misconfigured', message });
  }
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = crypto.subtle.importKey('raw', bytes, hmac, false, ['sign', 'verify']);
  return {
    async sign(request) {
      const expires = now() + continueTokenTtlMs;
      const signature = await crypto.subtle.sign('HMAC', await key, textOf(request, expires));
      return { expires, signature: toHex(new Uint8Array(signature)) };
    },
    async check(request, { expires, signature }) {
      // Compared by the platform, in constant time.
      const isOurs = await crypto.subtle.verify('HMAC', await key, fromHex(signature), textOf(request, expires));
      if (!isOurs) throw refused('The signature of this request to continue a run does not match.');
      if (expires <= now()) throw refused('This request to continue a run came too late.');
      // One that would last longer was not made here, or by a clock that is far ahead.
      if (expires > now() + 2 * continueTokenTtlMs) throw refused('This request to continue a run lasts too long.');
    },
  };
}

/** What is signed. Ids have no line breaks. The first line keeps a signature from being used for anything else. */
function textOf({ chatId, runId, attempt }: ContinueRequest, expires: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(['chat-transport/continue', chatId, runId, attempt, expires].join('\n'));
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function refused(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'unauthorized', message });
}
