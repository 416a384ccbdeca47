import { describeProviderContract, describeTransportContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { ablySupports as supports } from '../src/server.ts';
import { type AblyService, startService } from './support/ably-service.ts';
import { createHarness } from './support/harness.ts';

let service: AblyService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const contract = { name: 'ably and memoryLog', supports, createHarness: () => createHarness(service) };
describeProviderContract(contract);
describeTransportContract(contract);
