import { describeProviderContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { contractOver, type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';

let service: PushpinService;
beforeAll(async () => {
  service = await startPushpinService();
});
afterAll(() => service.close());

describeProviderContract(contractOver('stream', () => service));
describeProviderContract(contractOver('websocket', () => service));
