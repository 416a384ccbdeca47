import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeTransportContract } from '@chat-transport/contract';
import { sqliteLog } from '@chat-transport/sqlite';
import { afterAll, beforeAll } from 'vitest';
import { contractOver, type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';

let service: PushpinService;
let folder: string;
beforeAll(async () => {
  service = await startPushpinService();
  folder = await mkdtemp(join(tmpdir(), 'fanout-'));
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

/** Opens a log on data of its own. */
function createLog() {
  const log = sqliteLog({ path: join(folder, `${crypto.randomUUID()}.db`) });
  return { log, dispose: async () => log.close() };
}

for (const carrier of ['stream', 'websocket'] as const) {
  describeTransportContract(contractOver(carrier, () => service, { name: 'sqliteLog', createLog }));
}
