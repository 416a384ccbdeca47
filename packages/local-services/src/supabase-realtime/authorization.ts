import { jwtVerify } from 'jose';
import { JWTExpired } from 'jose/errors';
import type { RealtimeDatabase, RunSql } from './realtime-database.ts';

/** The claims of a token. */
export interface Claims {
  readonly role: string;
  readonly exp: number;
  readonly sub?: string;
}

/**
 * Checks a token as Realtime does.
 * @throws Error whose message is Realtime's, with its code in front.
 */
export async function claimsOf(token: string, secret: string): Promise<Claims> {
  const key = new TextEncoder().encode(secret);
  let claims: Partial<Claims>;
  try {
    claims = (await jwtVerify<Claims>(token, key, { algorithms: ['HS256'] })).payload;
  } catch (error) {
    if (error instanceof JWTExpired) throw new Error(`InvalidJWTToken: ${expiredMessage(Number(error.payload.exp))}`);
    if (token.split('.').length !== 3) throw new Error('MalformedJWT: The token provided is not a valid JWT');
    throw new Error('JwtSignatureError: Failed to validate JWT signature');
  }
  if (typeof claims.role === 'string' && typeof claims.exp === 'number') return claims as Claims;
  throw new Error('InvalidJWTToken: Fields `role` and `exp` are required in JWT');
}

/** What Realtime says of a token that is over. */
export function expiredMessage(exp: number): string {
  return `Token has expired ${Math.max(0, Math.floor(Date.now() / 1000) - exp)} seconds ago`;
}

/** Whether row level security lets these claims read broadcasts of a topic: a row is inserted, looked for as that role, and rolled back. */
export function mayRead(database: RealtimeDatabase, topic: string, claims: Claims): Promise<boolean> {
  return database.tryOut(async (query) => {
    const [probe] = await query(
      `insert into realtime.messages (topic, extension) values ($1, 'broadcast') returning id::text as id`,
      [topic],
    );
    await impersonate(query, topic, claims);
    const rows = await query('select 1 as found from realtime.messages where id = $1::text::uuid', [probe?.id]);
    return rows.length > 0;
  });
}

/** Whether row level security lets these claims broadcast to a topic. */
export function mayWrite(database: RealtimeDatabase, topic: string, claims: Claims): Promise<boolean> {
  return database.tryOut(async (query) => {
    await impersonate(query, topic, claims);
    try {
      await query(`insert into realtime.messages (topic, extension, private) values ($1, 'broadcast', true)`, [topic]);
      return true;
    } catch {
      return false;
    }
  });
}

/** @source https://github.com/supabase/realtime/blob/833cf36/lib/realtime/tenants/authorization.ex (read 2026-11-29): set_conn_config */
async function impersonate(query: RunSql, topic: string, claims: Claims): Promise<void> {
  await query(
    `select set_config('role', $1, true), set_config('realtime.topic', $2, true), set_config('request.jwt.claims', $3, true),
      set_config('request.jwt.claim.sub', $4, true), set_config('request.jwt.claim.role', $1, true)`,
    [claims.role, topic, JSON.stringify(claims), claims.sub ?? ''],
  );
}
