import type { DeviceTransportOptions, ProviderHarness, RealtimeLink } from '@chat-transport/contract';
import { type ClientOptions, Realtime } from 'ably';
import { AblyChatTransport } from '../../src/index.ts';
import { ably } from '../../src/server.ts';
import type { AblyService } from './ably-service.ts';

/** Ably's own clients on a service of this machine. Each case has channels of its own: no case hears another's. */
export function createHarness(service: AblyService): ProviderHarness {
  const channelPrefix = `chat-${crypto.randomUUID()}:`;
  return {
    get servicePort() {
      return service.port;
    },
    createServer() {
      const client = new Realtime({ ...service.options, key: service.key, echoMessages: false });
      return {
        realtime: ably({ client, channelPrefix, flushIntervalMs: 20 }),
        close: () => client.close(),
      };
    },
    createTransport: (options, link) => openTransport({ ...options, channelPrefix }, link),
    restartService: () => service.restart(),
  };
}

/** A page's transport: Ably's client as it is, and short waits. */
export function openTransport(
  options: DeviceTransportOptions & { readonly channelPrefix: string },
  { host }: Pick<RealtimeLink, 'host'>,
  own: Partial<ClientOptions> = {},
): AblyChatTransport {
  const [endpoint = '', port] = host.split(':');
  return new AblyChatTransport({
    ...options,
    client: (base) =>
      new Realtime({ ...base, ...localOptions(endpoint, Number(port)), ...quick, ...own } as ClientOptions),
  });
}

/** How the vendor's client finds a service of this machine. */
export function localOptions(endpoint: string, port: number): ClientOptions {
  return { endpoint, port, tls: false, disableConnectivityCheck: true, fallbackHosts: [], logLevel: 0 };
}

/** A fault is noticed within a test. */
const quick: ClientOptions = {
  disconnectedRetryTimeout: 250,
  suspendedRetryTimeout: 500,
  realtimeRequestTimeout: 1000,
  httpRequestTimeout: 1000,
};
