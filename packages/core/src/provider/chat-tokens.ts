import { errors, type JWTVerifyResult, jwtVerify, SignJWT } from 'jose';
import { ChatTransportError } from '../errors.ts';
import { readJsonBody } from '../server/http/request-body.ts';
import { privateCacheControl } from '../wire/routes.ts';
import type { AllowChat } from './realtime-server.ts';

/** What the bearer of a token may do: actions of `authorize`, or `log`, for a server that keeps its log behind the provider. */
export type ChatPermission = 'read' | 'send' | 'command' | 'delete' | 'log';

/** What a token grants: some actions in exactly one chat. */
export interface ChatGrant {
  readonly chatId: string;
  readonly may: readonly ChatPermission[];
  /** What `authorize` answered. */
  readonly userId?: string | undefined;
  /** When `authorize` was asked, in milliseconds since 1970. Default of `sign`: now. */
  readonly issuedAtMs?: number | undefined;
}

/** Signs and checks the tokens of one provider. */
export interface ChatTokens {
  /** The time by which tokens are dated, in milliseconds since 1970. */
  now(): number;
  sign(grant: ChatGrant): Promise<string>;
  /** The grant, or `undefined` for a token that is absent, not ours, changed, or expired. */
  verify(token: string | null | undefined): Promise<ChatGrant | undefined>;
  /** Why `verify` refuses a token, for the operator: another secret and a wrong clock look the same otherwise. */
  explain(token: string | null | undefined): Promise<string>;
}

/** Options of `createChatTokens`. */
export interface ChatTokenOptions {
  /** The provider's name: a token of one provider is refused by every other. */
  readonly name: string;
  /** The secret, at least `minSecretBytes` long. */
  readonly secret: string | Uint8Array;
  /** How long a token is valid, in milliseconds. */
  readonly ttlMs: number;
  /** How far the clocks of the two servers may differ, in milliseconds. Default 0. */
  readonly toleranceMs?: number | undefined;
  /** The time, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** Shortest secret, in bytes: the key length of HS256. */
export const minSecretBytes = 32;
/** Largest body of `POST {api}/auth`, in bytes: it carries only a `chatId`. */
const maxAuthBodyBytes = 4096;

/**
 * Makes the signer of a provider's chat tokens: JWTs (HS256) with the claims `chat`, `may`, `user`, `at`, `aud` and `exp`.
 * @throws TypeError when `secret` is shorter than `minSecretBytes`.
 */
export function createChatTokens({
  name,
  secret,
  ttlMs,
  toleranceMs = 0,
  now = Date.now,
}: ChatTokenOptions): ChatTokens {
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
  if (key.length < minSecretBytes) {
    throw new TypeError(`${name}: \`secret\` has ${key.length} bytes; it needs at least ${minSecretBytes}.`);
  }
  const audience = `chat-transport/${name}`;
  const check = (token: string | null | undefined): Promise<JWTVerifyResult> =>
    jwtVerify(token ?? '', key, {
      algorithms: ['HS256'],
      audience,
      requiredClaims: ['exp'],
      clockTolerance: toleranceMs / 1000,
      currentDate: new Date(now()),
    });
  return {
    now,
    sign: ({ chatId, may, userId, issuedAtMs = now() }) =>
      new SignJWT({ chat: chatId, may: [...may], at: issuedAtMs, ...(userId !== undefined && { user: userId }) })
        .setProtectedHeader({ alg: 'HS256' })
        .setAudience(audience)
        .setExpirationTime(Math.ceil((now() + ttlMs) / 1000))
        .sign(key),
    async verify(token) {
      try {
        const { chat, may, user, at } = (await check(token)).payload;
        if (typeof chat !== 'string' || !Array.isArray(may)) return undefined;
        return {
          chatId: chat,
          may,
          ...(typeof user === 'string' && { userId: user }),
          ...(typeof at === 'number' && { issuedAtMs: at }),
        };
      } catch {
        return undefined;
      }
    },
    async explain(token) {
      try {
        await check(token);
        return 'The token is for another chat.';
      } catch (error) {
        return reasonOf(error, now());
      }
    },
  };
}

function reasonOf(error: unknown, now: number): string {
  if (error instanceof errors.JWTExpired) {
    const seconds = Math.round(now / 1000 - Number(error.payload.exp));
    return (
      `The token expired ${seconds} s ago by this server's clock. ` +
      'If it is new, the clock of the server that signed it is behind: set that clock.'
    );
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return 'The signature of the token does not match. Do the two servers have the same secret?';
  }
  return 'There is no valid token.';
}

/**
 * Answers `POST {api}/auth` `{ chatId }` with `{ token }`: it may read that chat and, where `authorize` allows it, command its runs.
 * @throws ChatTransportError `invalid-body`, `too-large`, `unsupported-media-type`, and what `allow` throws.
 */
export async function grantChatToken(
  request: Request,
  allow: AllowChat,
  tokens: Pick<ChatTokens, 'sign' | 'now'>,
): Promise<Response> {
  const { chatId } = await readJsonBody(request, maxAuthBodyBytes);
  if (typeof chatId !== 'string') {
    throw new ChatTransportError({ code: 'invalid-body', message: 'The body must be JSON with a string `chatId`.' });
  }
  // Access may be taken back while `authorize` answers: the token is as old as the question.
  const issuedAtMs = tokens.now();
  const allowed = await allow(chatId);
  const mayCommand = await allow(chatId, 'command').then(
    () => true,
    () => false,
  );
  const may = mayCommand ? (['read', 'command'] as const) : (['read'] as const);
  const token = await tokens.sign({ chatId, may, userId: allowed?.userId, issuedAtMs });
  return Response.json({ token }, { headers: { 'cache-control': privateCacheControl } });
}
