import Pusher from 'pusher';
import { expect, it, onTestFinished } from 'vitest';
import { startSoketi } from '../src/index.ts';

it('starts, is killed and starts again on its port, with its apps', async () => {
  const server = await startSoketi({ apps: 2 });
  onTestFinished(() => server.close());
  for (const app of server.apps) {
    const pusher = new Pusher({ ...app, host: '127.0.0.1', port: `${server.port}`, useTLS: false });
    const trigger = async (): Promise<number> => (await pusher.trigger('channel', 'event', 'data')).status;
    expect(await trigger()).toBe(200);
    await server.kill();
    await expect(trigger()).rejects.toThrow('Request failed');
    await server.start();
    expect(await trigger()).toBe(200);
  }
});
