import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CaseLog,
  describeProviderContract,
  describeTransportContract,
  type ProviderHarness,
} from '@chat-transport/contract';
import { sqliteLog } from '@chat-transport/sqlite';
import { RealtimeWebSocketTransport } from '../src/index.ts';
import { websocketSupports as supports, websocketServer } from '../src/server.ts';

const heartbeats = { heartbeatMs: 200, deadAfterMs: 600 };

function createHarness(): ProviderHarness {
  return {
    createServer() {
      const realtime = websocketServer(heartbeats);
      return { realtime, attach: (server) => realtime.attach(server), close: () => realtime.close() };
    },
    createTransport: (options, { host }) =>
      new RealtimeWebSocketTransport({ ...options, ...heartbeats, url: `ws://${host}/api/chat/socket`, lingerMs: 50 }),
  };
}

async function inFile(): Promise<CaseLog> {
  const folder = await mkdtemp(join(tmpdir(), 'contract-'));
  const log = sqliteLog({ path: join(folder, 'chats.db') });
  return {
    log,
    async dispose() {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
}

for (const contract of [
  { name: 'websocket and memoryLog', supports, createHarness },
  { name: 'websocket and sqliteLog', supports, createHarness, createLog: inFile },
]) {
  describeProviderContract(contract);
  describeTransportContract(contract);
}
