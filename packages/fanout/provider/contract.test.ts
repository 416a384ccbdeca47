import { describeProviderContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { contractOver, type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';

let service: PushpinService;
beforeAll(async () => {
  service = await startPushpinService();
});
afterAll(() => service.close());

// Not part of `test:e2e`: its case supports/ordered fails, see the README.
describeProviderContract(contractOver('stream', () => service));
describeProviderContract(contractOver('websocket', () => service));
