import { describeProviderContract, describeTransportContract, type ProviderHarness } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { ablySupports as supports } from '../src/server.ts';
import { type AblyService, serviceName, startService } from './support/ably-service.ts';
import { createHarness } from './support/harness.ts';

let shared: AblyService;
beforeAll(async () => {
  shared = await startService();
});
afterAll(() => shared.close());

/** A sockudo that has seen many broken connections takes seconds for the next one: each case has its own. */
async function ownHarness(): Promise<ProviderHarness> {
  const service = await startService();
  return { ...createHarness(service), servicePort: service.port, dispose: () => service.close() };
}

const contract = {
  name: `ably (${serviceName}) and memoryLog`,
  supports,
  createHarness: () => (serviceName === 'sockudo' ? ownHarness() : createHarness(shared)),
};
describeProviderContract(contract);
describeTransportContract(contract);
