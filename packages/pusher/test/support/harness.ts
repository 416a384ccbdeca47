import type { DeviceTransportOptions, ProviderHarness } from '@chat-transport/contract';
import type { PusherApp } from '@chat-transport/local-services';
import PusherNode from 'pusher';
import Pusher from 'pusher-js';
import { PusherChatTransport } from '../../src/index.ts';
import { pusher } from '../../src/server.ts';
import type { PusherService } from './pusher-service.ts';

/** Pusher's own clients on a soketi, each case with an app of its own: no case hears another's channels. */
export function createHarness(service: PusherService): ProviderHarness {
  const app = service.nextApp();
  const clients: Pusher[] = [];
  return {
    get servicePort() {
      return service.port;
    },
    createServer: () => ({ realtime: pusher({ client: serverClient(app, service.apiPort), flushIntervalMs: 0 }) }),
    createTransport(options, { host }) {
      const [wsHost = '', port] = host.split(':');
      const client = new Pusher(app.key, {
        ...{ cluster: 'local', wsHost, wsPort: Number(port), httpHost: wsHost, httpPort: Number(port) },
        ...{ forceTLS: false, enabledTransports: ['ws'], activityTimeout: 300, pongTimeout: 300 },
        channelAuthorization: {
          endpoint: `${options.api}/auth`,
          transport: 'ajax',
          headersProvider: () => {
            const { headers } = options;
            return Object.fromEntries(
              new Headers((typeof headers === 'function' ? headers() : headers) as HeadersInit),
            );
          },
        },
      });
      clients.push(client);
      return new Page(options, client);
    },
    restartService: () => service.restart(),
    dispose() {
      for (const client of clients) client.disconnect();
    },
  };
}

/** A page that is closed with its transport: the client is the page's, so the transport leaves it open. */
class Page extends PusherChatTransport {
  readonly #client: Pusher;

  constructor(options: DeviceTransportOptions, client: Pusher) {
    super({ ...options, client });
    this.#client = client;
  }

  override close(): void {
    super.close();
    this.#client.disconnect();
  }
}

/** The vendor's client for servers. */
export function serverClient({ appId, key, secret }: PusherApp, port: number): PusherNode {
  return new PusherNode({ appId, key, secret, host: '127.0.0.1', port: `${port}`, useTLS: false, timeout: 2_000 });
}
