import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { redisLog } from '@chat-transport/redis';
import { sqliteLog } from '@chat-transport/sqlite';
import { createClient } from 'redis';

/** A client of the Redis that the measure has started. */
export function redisClient() {
  const client = createClient({ url: process.env.BENCH_REDIS_URL ?? '' });
  client.on('error', (error) => console.error(error));
  void client.connect();
  return client;
}

/** The log of a contestant: of the file or the Redis that the measure has made for several processes, or one of its own. */
export function openLog(kind: 'memory' | 'sqlite' | 'redis'): RunLog {
  if (kind === 'memory') return memoryLog();
  return kind === 'redis' ? redisLog({ client: redisClient() }) : fileLog();
}

function fileLog(): RunLog {
  const shared = process.env.BENCH_SQLITE_PATH;
  if (shared !== undefined) return sqliteLog({ path: shared });
  const path = join(tmpdir(), `chat-transport-bench-${process.pid}.sqlite`);
  process.once('exit', () => {
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  });
  return sqliteLog({ path });
}
