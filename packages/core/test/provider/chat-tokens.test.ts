import { expect, test } from 'vitest';
import { createChatTokens, grantChatToken } from '../../src/provider/chat-tokens.ts';

test('a token is as old as the question whether it may be granted', async () => {
  let now = 1_000_000;
  const tokens = createChatTokens({ name: 'test', secret: 'x'.repeat(32), ttlMs: 60_000, now: () => now });
  const request = new Request('http://localhost/api/chat/auth', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ chatId: 'c' }),
  });
  // Somebody takes the access back while `authorize` answers: the token must not be newer than that.
  const response = await grantChatToken(
    request,
    async () => {
      now += 5_000;
      return { userId: 'ann' };
    },
    tokens,
  );
  const { token } = (await response.json()) as { token: string };
  expect(await tokens.verify(token)).toMatchObject({ chatId: 'c', userId: 'ann', issuedAtMs: 1_000_000 });
});

test('a session that is signed from a token is as old as the token', async () => {
  let now = 1_000_000;
  const options = { secret: 'x'.repeat(32), ttlMs: 600_000, now: () => now };
  const tokens = createChatTokens({ name: 'token', ...options });
  const sessions = createChatTokens({ name: 'session', ...options });
  const token = await tokens.sign({ chatId: 'c', may: ['read'] });
  now += 30_000;
  const grant = await tokens.verify(token);
  const session = await sessions.sign(grant as NonNullable<typeof grant>);
  expect(await sessions.verify(session)).toMatchObject({ issuedAtMs: 1_000_000 });
});
