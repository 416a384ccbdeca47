import { until } from '@chat-transport/local-services';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { supabase } from '../src/server.ts';
import { jwtSecret, openClient, signToken, users } from '../test/support/supabase-project.ts';
import { type PostgresProject, startPostgresProject } from './support/postgres-project.ts';

let at: PostgresProject;
beforeAll(async () => {
  at = await startPostgresProject();
  await at.project.addChat('mine');
});
afterAll(() => at.close());

async function mayJoin(topic: string, token: string | null): Promise<boolean> {
  const client = await openClient(at.project.realtime.url, async () => token);
  onTestFinished(() => void client.realtime.disconnect());
  await client.realtime.setAuth();
  const states: string[] = [];
  client.channel(topic, { config: { private: true } }).subscribe((state) => states.push(state));
  await until(
    'an answer',
    () => states.length > 0,
    () => states,
  );
  return states[0] === 'SUBSCRIBED';
}

it('lets the owner follow a chat, and no stranger, nobody without a session, no unknown and no empty topic', async () => {
  const [owner, stranger] = await Promise.all([signToken(users.owner), signToken(users.stranger)]);
  expect(await mayJoin('chat:mine', owner)).toBe(true);
  const refused: [string, string | null][] = [
    ['chat:mine', stranger],
    ['chat:mine', null],
    ['chat:unknown', owner],
    ['chat:', owner],
  ];
  for (const [topic, token] of refused) expect(await mayJoin(topic, token), topic).toBe(false);
});

it('lets the bearer of the chat server’s token follow its one topic', async () => {
  const sign = (topic: string) =>
    new SignJWT({ role: 'anon', topic })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1m')
      .sign(new TextEncoder().encode(jwtSecret));
  const token = await sign('chat:theirs');
  expect(await mayJoin('chat:theirs', token)).toBe(true);
  for (const topic of ['chat:mine', 'chat:']) expect(await mayJoin(topic, token), topic).toBe(false);
  expect(await mayJoin('chat:', await sign(''))).toBe(false);
});

it('lets the server’s own role write and broadcast, and do nothing with the app’s tables', async () => {
  const query = async (text: string, values: readonly (string | null)[]) =>
    at.project.database.tryOut(async (run) => {
      await run('set local role chat_transport_server');
      return run(text, values);
    });
  const realtime = supabase({ query });
  onTestFinished(() => realtime.log.close());
  expect((await realtime.log.state('mine')).turn).toBe(0);
  await expect(query('select * from public.chats', [])).rejects.toThrow(/permission denied/);
});
