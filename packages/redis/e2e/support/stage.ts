import type { RunLog } from '@chat-transport/core/provider';
import { type RedisOptions, type RedisServer, startRedis } from '@chat-transport/local-services';
import { createClient } from 'redis';
import { onTestFinished } from 'vitest';
import { type RedisLogOptions, redisLog } from '../../src/index.ts';

export type TestClient = ReturnType<typeof createClient>;

function connect(url: string): Promise<TestClient> {
  const client: TestClient = createClient({ url, socket: { reconnectStrategy: 20 } });
  return client.on('error', () => {}).connect();
}

/** A Redis of the test's own. */
export async function redis(options?: RedisOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  onTestFinished(() => server.close());
  return server;
}

export async function clientOf(url: string): Promise<TestClient> {
  const client = await connect(url);
  onTestFinished(() => client.destroy());
  return client;
}

/** A log as one server process has it: with a client of its own. */
export async function logOn(url: string, options: Partial<RedisLogOptions> = {}): Promise<RunLog> {
  const client = await connect(url);
  const log = redisLog({ client, ...options });
  onTestFinished(async () => {
    await log.close();
    client.destroy();
  });
  return log;
}

/** Every command that clients send to a Redis from now on, as `MONITOR` shows it; what scripts do is left out. */
export async function monitored(url: string): Promise<{ readonly commands: string[]; settled(): Promise<void> }> {
  const [monitor, other] = [await clientOf(url), await clientOf(url)];
  const commands: string[] = [];
  const bells = new Map<string, () => void>();
  await monitor.monitor((line) => {
    const [, source = '', command = ''] = /^\S+ \[\d+ (\S+)\] (.*)$/s.exec(String(line)) ?? [];
    const bell = /^"PING" "(.*)"/.exec(command)?.[1];
    if (bell) bells.get(bell)?.();
    else if (source !== 'lua') commands.push(command.slice(0, 200));
  });
  return {
    commands,
    /** Resolves when everything that was sent before has been seen. */
    async settled() {
      const bell = crypto.randomUUID();
      const heard = new Promise<void>((resolve) => bells.set(bell, resolve));
      await other.ping(bell);
      await heard;
    },
  };
}
