import { randomBytes } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';

/** What a subscribe token says: its bearer may follow one chat, and where `mayCommand`, also send commands to its runs. */
export interface ChatGrant {
  readonly chatId: string;
  readonly mayCommand: boolean;
}

/** Signs and checks subscribe tokens. */
export interface ChatTokens {
  sign(grant: ChatGrant): Promise<string>;
  /** The grant, or `undefined` for a token that is not ours, was changed, or is over. */
  verify(token: string): Promise<ChatGrant | undefined>;
}

const audience = 'chat-transport/websocket';
const minSecretBytes = 32;

/**
 * Makes the signer for one server.
 * @throws TypeError when `secret` is shorter than 32 bytes.
 */
export function createChatTokens(options: {
  secret?: string | Uint8Array | undefined;
  ttlMs: number;
  now: () => number;
}): ChatTokens {
  const secret = options.secret ?? randomBytes(minSecretBytes);
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
  if (key.length < minSecretBytes) {
    throw new TypeError(`websocketServer: \`secret\` has ${key.length} bytes; it needs at least ${minSecretBytes}.`);
  }
  return {
    sign: ({ chatId, mayCommand }) =>
      new SignJWT({ chat: chatId, command: mayCommand })
        .setProtectedHeader({ alg: 'HS256' })
        .setAudience(audience)
        .setExpirationTime(Math.ceil((options.now() + options.ttlMs) / 1000))
        .sign(key),
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['HS256'],
          audience,
          requiredClaims: ['exp'],
          currentDate: new Date(options.now()),
        });
        if (typeof payload.chat !== 'string') return undefined;
        return { chatId: payload.chat, mayCommand: payload.command === true };
      } catch {
        return undefined;
      }
    },
  };
}
