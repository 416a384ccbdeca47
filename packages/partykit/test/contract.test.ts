import { describeProviderContract, describeTransportContract, type ProviderContract } from '@chat-transport/contract';
import { PartyKitChatTransport } from '../src/index.ts';
import { partykitServer, partykitSupports as supports } from '../src/remote.ts';
import { secret, Workerd } from './support/workerd.ts';

const contract: ProviderContract = {
  name: 'partykit, answers made elsewhere',
  supports,
  async createHarness() {
    const workerd = await Workerd.start();
    return {
      get servicePort() {
        return workerd.port;
      },
      createServer() {
        const realtime = partykitServer({ url: workerd.url, secret });
        return { realtime, close: () => realtime.log.close() };
      },
      createTransport: (options, { host }) => new PartyKitChatTransport({ ...options, url: `http://${host}/api/chat` }),
      restartService: () => workerd.restart(),
      dispose: () => workerd.stop(),
    };
  },
};

describeProviderContract(contract);
describeTransportContract(contract);
