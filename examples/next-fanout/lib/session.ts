import { createHmac, timingSafeEqual } from 'node:crypto';
import { setting } from './settings.ts';

/** The cookie that says who somebody is. */
export const sessionCookie = 'session';

/** What people may call themselves here. The name is in the ids of their chats. */
const userNames = /^[a-z0-9]{1,20}$/;

/** Signs a name, so that nobody can write somebody else's into the cookie. Nobody asks for a password here: use your own sessions. */
export function signSession(user: string): string | undefined {
  return userNames.test(user) ? `${user}.${signatureOf(user)}` : undefined;
}

/** The user of a cookie's value. */
export function sessionUser(value: string | undefined): string | undefined {
  const [user = '', signature = ''] = value?.split('.') ?? [];
  const [given, own] = [Buffer.from(signature), Buffer.from(signatureOf(user))];
  return given.length === own.length && timingSafeEqual(given, own) ? user : undefined;
}

/** The user of a request. A WebSocket's commands have the cookies of its opening. */
export function requestUser({ headers }: Request): string | undefined {
  const cookies = headers.get('cookie')?.split('; ') ?? [];
  const prefix = `${sessionCookie}=`;
  return sessionUser(cookies.find((cookie) => cookie.startsWith(prefix))?.slice(prefix.length));
}

function signatureOf(user: string): string {
  return createHmac('sha256', setting('CHAT_SECRET')).update(`session ${user}`).digest('base64url');
}
