import { SignJWT } from 'jose';

export const jwtSecret = 'a secret of these tests, 32 bytes or more';

/** A token as Supabase's Auth signs it. */
export function signToken(role: string, sub?: string, expiresInSeconds = 3600): Promise<string> {
  const token = new SignJWT({ role, ...(sub && { sub }) }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' });
  return token
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
    .sign(new TextEncoder().encode(jwtSecret));
}
