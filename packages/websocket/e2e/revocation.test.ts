import { expect, test } from 'vitest';
import { until } from '../test/support/until.ts';
import { ChatServer, type Device } from './support/chat-server.ts';
import { sharedLogNames, sharedLogs } from './support/shared-logs.ts';

const textOf = ({ client }: Device): string =>
  client.received.map((message) => (typeof message === 'string' ? message : JSON.stringify(message))).join();

test.each(sharedLogNames)(
  'access that one process takes back ends in another one on %s: sockets, streams, and tokens that were given before',
  async (name) => {
    const address = await sharedLogs[name]();
    const [here, there] = await Promise.all([ChatServer.start(address), ChatServer.start(address)]);
    const ann = await there.device('ann');
    const bob = await there.device('bob');
    const [early, later] = [await here.token('bob'), await there.socket()];
    const stream = await there.stream('bob');
    for (const server of [here, there]) await server.ask({ refuse: 'bob' });
    await here.ask({ revoke: 'bob' });

    expect(await bob.client.got({ type: 'refused' })).toMatchObject({ code: 'unauthorized' });
    expect(await later.client.subscribe('c', early)).toMatchObject({ type: 'refused', code: 'unauthorized' });
    await here.send('r1');
    await until('the end for those who may read', () => textOf(ann).includes('"end":'), { saw: () => textOf(ann) });
    expect(textOf(bob)).not.toContain('r1');
    expect(await stream.text()).not.toContain('r1');
  },
);
