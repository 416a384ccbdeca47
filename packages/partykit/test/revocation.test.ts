import { expect, onTestFinished, test } from 'vitest';
import { partykitServer } from '../src/remote.ts';
import { ticketsOf } from '../src/ticket.ts';
import { RawSocket } from './support/raw-socket.ts';
import { until } from './support/until.ts';
import { secret, Workerd } from './support/workerd.ts';

test('a device whose access was taken back by a server elsewhere is disconnected, and its ticket opens no socket again', async () => {
  const workerd = await Workerd.start();
  const { log } = partykitServer({ url: workerd.url, secret });
  onTestFinished(async () => {
    await log.close();
    await workerd.stop();
  });
  const ticketOf = (userId: string): Promise<string> => ticketsOf(secret).sign({ chatId: 'c', may: ['read'], userId });
  const open = async (ticket: string): Promise<RawSocket> => {
    const socket = await RawSocket.open(`${workerd.url}/c/socket?ticket=${ticket}`);
    onTestFinished(() => socket.close());
    return socket;
  };
  const early = await ticketOf('bob');
  const [ann, bob] = [await open(await ticketOf('ann')), await open(early)];
  await Promise.all([ann.got('live'), bob.got('live')]);

  await log.revoke('c', { id: 'v1', userId: 'bob' });
  await bob.got('over');
  const again = await open(early);
  await again.got('over');
  expect(again.received.join()).not.toContain('live');
  // Whoever gets a new ticket may read again.
  await (await open(await ticketOf('bob'))).got('live');
  expect(ann.received.join()).not.toContain('over');
  await workerd.restart();
  await (await open(early)).got('over');
});

test('a user whose access is taken back loses sockets and streams of an answer that is made in the object, and others do not', async () => {
  const workerd = await Workerd.start({ answers: true });
  onTestFinished(() => workerd.stop());
  const as = (user: string) => ({ 'x-user': user, 'content-type': 'application/json' });
  const post = (path: string, user: string, body: object): Promise<Response> =>
    fetch(`${workerd.url}${path}`, { method: 'POST', headers: as(user), body: JSON.stringify(body) });
  const open = async (user: string): Promise<RawSocket> => {
    const { token } = (await (await post('/auth', user, { chatId: 'c' })).json()) as { token: string };
    const socket = await RawSocket.open(`${workerd.url}/c/socket?ticket=${token}`);
    onTestFinished(() => socket.close());
    return socket;
  };
  const text = { type: 'text', text: 'hi' };
  await post('', 'ann', { id: 'c', runId: 'r', messages: [{ id: 'm', role: 'user', parts: [text] }] });
  const ended: string[] = [];
  const follow = async (user: string): Promise<void> => {
    const response = await fetch(`${workerd.url}/c/stream`, { headers: as(user) });
    void response.text().then(
      () => ended.push(user),
      () => ended.push(user),
    );
  };
  await Promise.all([follow('ann'), follow('bob')]);
  const [ann, bob] = [await open('ann'), await open('bob')];
  await Promise.all([ann.got('live'), bob.got('live')]);
  const revoked = await fetch(new URL('/revoke', workerd.url), {
    method: 'POST',
    body: JSON.stringify({ chatId: 'c', userId: 'bob' }),
  });
  expect(revoked.status).toBe(204);
  await bob.got('over');
  await until('the end of his stream', () => ended.length > 0);
  // What is said now reaches Ann alone.
  await workerd.model('c', { say: 'secret' });
  await ann.got('secret');
  expect(ended).toEqual(['bob']);
  expect(bob.received.join()).not.toContain('secret');
  expect((await post('/c/access/revoke', 'bob', { userId: 'ann' })).status).toBe(404);
});
