import { type AllowChat, grantChatToken, minSecretBytes } from '@chat-transport/core/provider';
import { SignJWT } from 'jose';

/** Default of `tokenTtlMs`. Realtime closes the channel when its token expires, and the page joins again with a new one. */
export const defaultTokenTtlMs = 600_000;

/** How tokens for `tokenFrom: 'server'` are signed. */
export interface TopicTokenOptions {
  /** The project's JWT secret (HS256). */
  readonly jwtSecret: string;
  readonly ttlMs: number;
  readonly topicOf: (chatId: string) => string;
}

/**
 * Answers `POST {api}/auth` with a token that follows exactly one chat: of the role `anon`, which the public key has anyway, with the claim `topic`.
 * @throws TypeError when the secret is shorter than HS256 needs.
 */
export function topicTokens({
  jwtSecret,
  ttlMs,
  topicOf,
}: TopicTokenOptions): (request: Request, allow: AllowChat) => Promise<Response> {
  const key = new TextEncoder().encode(jwtSecret);
  if (key.length < minSecretBytes) {
    throw new TypeError(`supabase: \`jwtSecret\` has ${key.length} bytes; it needs at least ${minSecretBytes}.`);
  }
  const sign = ({ chatId }: { readonly chatId: string }): Promise<string> =>
    new SignJWT({ role: 'anon', topic: topicOf(chatId) })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuedAt()
      .setExpirationTime(Math.ceil((Date.now() + ttlMs) / 1000))
      .sign(key);
  return (request, allow) => grantChatToken(request, allow, { sign, now: Date.now });
}
