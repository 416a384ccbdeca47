import { sessionCookie, signSession } from '../../../lib/session.ts';

/** Signs in, and goes back to the page that asked for it. */
export async function POST(request: Request): Promise<Response> {
  const form = await request.formData();
  const value = signSession(String(form.get('name')));
  if (!value) return new Response('A name has 1 to 20 small letters and digits.', { status: 400 });
  const back = String(form.get('back'));
  // Only to a page of this app: `//elsewhere` would leave it.
  const location = /^\/(?![/\\])/.test(back) ? back : '/';
  const secure = process.env.VERCEL ? '; Secure' : '';
  const cookie = `${sessionCookie}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400${secure}`;
  return new Response(null, { status: 303, headers: { location, 'set-cookie': cookie } });
}
