import { describeProviderContract, describeTransportContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { pusherSupports as supports } from '../src/server.ts';
import { createHarness } from './support/harness.ts';
import { type PusherService, startPusherService } from './support/pusher-service.ts';

let service: PusherService;
beforeAll(async () => {
  service = await startPusherService(200);
});
afterAll(() => service.close());

const contract = { name: 'pusher and memoryLog', supports, createHarness: () => createHarness(service) };
describeProviderContract(contract);
describeTransportContract(contract);
