import { expect, test } from 'vitest';
import { createAccessList } from '../server/access.ts';
import { withCrashes } from '../server/crash.ts';

const ask = (host: string, action: 'read' | 'send' = 'read') =>
  ({ request: new Request('http://localhost', { headers: { host } }), chatId: 'c', action }) as const;

test('a tab that loses its access is refused with a sentence, and its open streams end', async () => {
  const revoked: unknown[] = [];
  const access = createAccessList((revocation) => revoked.push(revocation));
  expect(access.authorize(ask('tab-1.localhost:3000'))).toEqual({ userId: 'tab-1' });

  access.setAccess('tab-1', 'signed-out');
  expect(revoked).toEqual([{ chatId: 'c', userId: 'tab-1' }]);
  const refusal = access.authorize(ask('tab-1.localhost:3000')) as Response;
  expect(refusal.status).toBe(401);
  expect(await refusal.json()).toMatchObject({ error: { message: 'You are signed out. Sign in to use this chat.' } });

  access.setAccess('tab-1', 'forbidden');
  expect(access.authorize(ask('tab-1.localhost:3000'))).toBe(false);
  access.setAccess('tab-1', 'read-only');
  expect(access.authorize(ask('tab-1.localhost:3000'))).toEqual({ userId: 'tab-1' });
  expect(access.authorize(ask('tab-1.localhost:3000', 'send'))).toBe(false);
  access.setAccess('tab-1', 'open');
  expect(access.authorize(ask('tab-1.localhost:3000'))).toEqual({ userId: 'tab-1' });
  expect(revoked).toHaveLength(3);
});

test('other tabs, and programs on this computer, keep their access', () => {
  const access = createAccessList(() => undefined);
  access.setAccess('tab-1', 'forbidden');
  expect(access.authorize(ask('tab-2.localhost:3000'))).toEqual({ userId: 'tab-2' });
  expect(access.authorize(ask('127.0.0.1:3000'))).toBe(true);
});

test('a tab without access starts no process with /crash: its send is refused as any other', async () => {
  const asked: Request[] = [];
  const chat = async () => new Response('refused', { status: 403 });
  const isAllowed = (request: Request): boolean => {
    asked.push(request);
    return false;
  };
  const answer = withCrashes(chat, { database: '/nowhere', isAllowed });
  const body = JSON.stringify({ message: { parts: [{ type: 'text', text: '/crash' }] } });
  const request = new Request('http://localhost/api/chat', { method: 'POST', body });
  expect((await answer(request)).status).toBe(403);
  expect(asked).toEqual([request]);
});
