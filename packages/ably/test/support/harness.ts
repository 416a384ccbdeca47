import type { DeviceTransportOptions, ProviderHarness } from '@chat-transport/contract';
import { type ClientOptions, Realtime } from 'ably';
import { AblyChatTransport, type AblyChatTransportOptions } from '../../src/index.ts';
import { ably } from '../../src/server.ts';
import { type AblyService, localOptions } from './ably-service.ts';

/** Ably's own clients on a service. Each case has channels of its own: no case hears another's. */
export function createHarness(service: AblyService): ProviderHarness {
  const channelPrefix = `chat-${crypto.randomUUID()}:`;
  return {
    get servicePort() {
      return service.port;
    },
    createServer() {
      const client = serverClient(service);
      return {
        realtime: ably({ client, channelPrefix, flushIntervalMs: 20 }),
        close: () => client.close(),
      };
    },
    createTransport: (options, { host }) => openTransport({ ...options, channelPrefix }, host),
    ...(service.restart && { restartService: () => service.restart?.() ?? Promise.resolve() }),
  };
}

function serverClient({ port, key }: AblyService): Realtime {
  return new Realtime({ ...localOptions('127.0.0.1', port), key, echoMessages: false });
}

/** A page's transport, with Ably's client as it is and short waits. */
function openTransport(
  options: DeviceTransportOptions & Omit<AblyChatTransportOptions, 'client'>,
  host: string,
): AblyChatTransport {
  const [endpoint = '', port] = host.split(':');
  const local = { ...localOptions(endpoint, Number(port)), ...quick };
  return new AblyChatTransport({ ...options, client: (own) => new Realtime({ ...own, ...local }) });
}

/** A fault is noticed within a test. */
export const quick: ClientOptions = {
  disconnectedRetryTimeout: 250,
  suspendedRetryTimeout: 500,
  realtimeRequestTimeout: 1000,
  httpRequestTimeout: 1000,
};
