import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from './protocol.ts';

/** Channel patterns, and what may be done there. */
export type Capability = Readonly<Record<string, readonly string[]>>;

/** What a client may do, until when. */
export interface Access {
  readonly capability: Capability;
  readonly clientId?: string;
  /** The token, and when it expires, in milliseconds; a key does not expire. */
  readonly token?: string;
  readonly expiresAt?: number;
}

/** The keys of one app, the tokens that they sign, and which of those were revoked. */
export class AccessControl {
  readonly #keys: ReadonlyMap<string, string>;
  readonly #now: () => number;
  readonly #seen = new Set<string>();
  readonly #revoked = new Set<string>();

  /** Keys as `name:secret`. */
  constructor(keys: readonly string[], now: () => number) {
    this.#keys = new Map(keys.map((key) => [nameOf(key), key.slice(nameOf(key).length + 1)]));
    this.#now = now;
  }

  /** @throws Refusal 40101 for a wrong key or token, 40142 for one that has expired, 40141 for one that was revoked. */
  check(credential: { readonly key?: string | null; readonly token?: string | null }): Access {
    const { key, token } = credential;
    if (key) {
      if (this.#keys.get(nameOf(key)) === key.slice(nameOf(key).length + 1)) return { capability: { '*': ['*'] } };
      throw new Refusal(40101, 401, 'Invalid key');
    }
    if (!token) throw new Refusal(40101, 401, 'No authentication information provided');
    const access = this.#accessOf(token);
    if ((access.expiresAt ?? 0) <= this.#now()) throw new Refusal(40142, 401, 'Token expired');
    if (this.isRevoked(access)) throw new Refusal(40141, 401, 'Token revoked');
    this.#seen.add(token);
    return access;
  }

  /** A token as `POST /keys/{key}/requestToken` answers it. */
  issue(
    keyName: string,
    request: { readonly ttl?: number; readonly capability?: string; readonly clientId?: string },
  ): object {
    const secret = this.#keys.get(keyName);
    if (secret === undefined) throw new Refusal(40101, 401, 'Invalid key');
    const issued = this.#now();
    const { ttl = 3_600_000, capability = '{"*":["*"]}', clientId } = request;
    const claims = {
      iat: issued / 1000,
      exp: (issued + ttl) / 1000,
      'x-ably-capability': capability,
      ...(clientId && { 'x-ably-clientId': clientId }),
    };
    const signed = `${base64({ alg: 'HS256', typ: 'JWT', kid: keyName })}.${base64(claims)}`;
    const token = `${signed}.${hmac(secret, signed)}`;
    return { token, keyName, issued, expires: issued + ttl, capability, ...(clientId && { clientId }) };
  }

  /** Tokens that were used until now are refused from now on. */
  revoke(): void {
    for (const token of this.#seen) this.#revoked.add(token);
  }

  isRevoked({ token = '' }: Access): boolean {
    return this.#revoked.has(token);
  }

  #accessOf(token: string): Access {
    const [header = '', claims = '', signature = ''] = token.split('.');
    try {
      const { kid, alg } = JSON.parse(Buffer.from(header, 'base64url').toString());
      const secret = this.#keys.get(kid);
      const expected = Buffer.from(hmac(secret ?? '', `${header}.${claims}`));
      const given = Buffer.from(signature);
      if (alg !== 'HS256' || secret === undefined || given.length !== expected.length) throw new Error('signature');
      if (!timingSafeEqual(given, expected)) throw new Error('signature');
      const body = JSON.parse(Buffer.from(claims, 'base64url').toString());
      const { 'x-ably-capability': capability = '{"*":["*"]}', 'x-ably-clientId': clientId, exp } = body;
      return {
        capability: JSON.parse(capability),
        ...(clientId && { clientId }),
        token,
        expiresAt: exp * 1000,
      };
    } catch {
      throw new Refusal(40101, 401, 'Invalid token');
    }
  }
}

/** What a query brings. */
export function credentialOf(query: URLSearchParams): { readonly key: string | null; readonly token: string | null } {
  return { key: query.get('key'), token: query.get('access_token') ?? query.get('accessToken') };
}

/** Whether `operation` is allowed on `channel`. A pattern's `*` stands for the rest of the name's segments. */
export function isAllowed({ capability }: Access, channel: string, operation: string): boolean {
  return Object.entries(capability).some(
    ([pattern, operations]) =>
      (operations.includes('*') || operations.includes(operation)) &&
      (pattern === '*' || pattern === channel || (pattern.endsWith(':*') && channel.startsWith(pattern.slice(0, -1)))),
  );
}

/** @throws Refusal 40160 */
export function demand(access: Access, channel: string, operation: string): void {
  if (isAllowed(access, channel, operation)) return;
  throw new Refusal(40160, 401, `Operation ${operation} is not permitted on ${channel} by the provided capability`);
}

function nameOf(key: string): string {
  return key.split(':')[0] ?? '';
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function hmac(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}
