import { cookies } from 'next/headers';
import { sessionCookie, sessionUser } from '../lib/session.ts';

/** Who asks for a page. */
export async function signedInUser(): Promise<string | undefined> {
  return sessionUser((await cookies()).get(sessionCookie)?.value);
}
