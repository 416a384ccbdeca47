import { connect } from 'node:net';
import { processesMarked, startPushpin } from '@chat-transport/local-services';
import { expect, onTestFinished, test } from 'vitest';

const refused = 'ECONNREFUSED';

/** How a connection to a port of this machine goes. */
function connecting(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}

test('a killed Pushpin leaves no process and no open port behind, and other instances alone', async () => {
  const [killed, other] = [await startPushpin(1), await startPushpin(1)];
  onTestFinished(async () => {
    await killed.close();
    await other.close();
  });
  const others = processesMarked(other.folder);
  // The runner, condure, zurl, the proxy and the handler.
  expect([processesMarked(killed.folder).length, others.length]).toEqual([5, 5]);
  const isGone = async (): Promise<void> => {
    expect(processesMarked(killed.folder)).toEqual([]);
    expect(await Promise.all([killed.port, killed.publishPort].map(connecting))).toEqual([refused, refused]);
  };
  await killed.kill();
  await isGone();
  await killed.start();
  expect(await connecting(killed.port)).toBe('connected');
  await killed.close();
  await isGone();
  expect(processesMarked(other.folder)).toEqual(others);
  expect(await connecting(other.port)).toBe('connected');
});
