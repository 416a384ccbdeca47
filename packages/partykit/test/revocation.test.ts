import { expect, onTestFinished, test } from 'vitest';
import { partykitServer } from '../src/remote.ts';
import { ticketsOf } from '../src/ticket.ts';
import { RawSocket } from './support/raw-socket.ts';
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
