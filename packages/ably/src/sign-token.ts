/** What a token lets its bearer do, and for how long. */
export interface TokenGrant {
  /** `name:secret`, as Ably's dashboard shows it. */
  readonly key: string;
  /** Channels that may be subscribed to, and nothing else. */
  readonly channels: readonly string[];
  readonly issuedAtMs: number;
  readonly ttlMs: number;
}

/**
 * Signs an Ably JWT with WebCrypto, which edge runtimes have too.
 * @source https://ably.com/docs/auth/token#jwt (read 2026-11-29): HS256, `kid` is the key's name, `x-ably-capability` is JSON in a string
 */
export async function signToken({ key, channels, issuedAtMs, ttlMs }: TokenGrant): Promise<string> {
  const [kid = '', secret = ''] = key.split(/:(.*)/s);
  const iat = Math.floor(issuedAtMs / 1000);
  const capability = Object.fromEntries(channels.map((channel) => [channel, ['subscribe']]));
  const claims = { iat, exp: iat + Math.ceil(ttlMs / 1000), 'x-ably-capability': JSON.stringify(capability) };
  const signed = `${base64url(JSON.stringify({ typ: 'JWT', alg: 'HS256', kid }))}.${base64url(JSON.stringify(claims))}`;
  const utf8 = new TextEncoder();
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const signingKey = await crypto.subtle.importKey('raw', utf8.encode(secret), hmac, false, ['sign']);
  const signature = new Uint8Array(await crypto.subtle.sign('HMAC', signingKey, utf8.encode(signed)));
  return `${signed}.${base64url(String.fromCharCode(...signature))}`;
}

/** All that is encoded here is ASCII or bytes. */
function base64url(binary: string): string {
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
