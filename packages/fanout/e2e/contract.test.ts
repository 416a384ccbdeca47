import { describeProviderContract, describeTransportContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { fanoutSupports } from '../src/server.ts';
import { createHarness, type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';

let service: PushpinService;
beforeAll(async () => {
  service = await startPushpinService();
});
afterAll(() => service.close());

for (const carrier of ['websocket', 'stream'] as const) {
  const contract = {
    name: `fanout over ${carrier}`,
    supports: { ...fanoutSupports, clientCommands: carrier === 'websocket' },
    createHarness: () => createHarness(service, carrier),
  };
  describeProviderContract(contract);
  describeTransportContract(contract);
}
