import { startAblyEmulator, startSockudo } from '@chat-transport/local-services';
import type { ClientOptions } from 'ably';
import { startAblyBridge } from './ably-bridge.ts';

/** A service that speaks Ably's protocol. */
export interface AblyService {
  readonly name: 'emulator' | 'sockudo' | 'live';
  readonly port: number;
  /** `name:secret` */
  readonly key: string;
  /** Every connection breaks off. */
  drop(): void;
  /** Where it can be restarted: it has forgotten everything then. */
  restart?(): Promise<void>;
  close(): Promise<void>;
}

const { ABLY_API_KEY, ABLY_SERVICE } = process.env;

/**
 * The service that the suites run against: Ably itself with `ABLY_API_KEY` in the environment, an independent server with
 * `ABLY_SERVICE=sockudo`, else the emulator.
 */
export const serviceName: AblyService['name'] = ABLY_API_KEY
  ? 'live'
  : ABLY_SERVICE === 'sockudo'
    ? 'sockudo'
    : 'emulator';

export function startService(): Promise<AblyService> {
  if (ABLY_API_KEY) return startAblyBridge(ABLY_API_KEY);
  return serviceName === 'sockudo' ? sockudo() : emulator();
}

/** With heartbeats that are short enough for a test. */
async function emulator(): Promise<AblyService> {
  const server = await startAblyEmulator({ limits: { maxIdleMs: 300 } });
  return {
    name: 'emulator',
    port: server.port,
    key: server.keys[0] ?? '',
    drop: () => server.dropConnections(),
    async restart() {
      await server.kill();
      await server.start();
    },
    close: () => server.close(),
  };
}

async function sockudo(): Promise<AblyService> {
  const server = await startSockudo();
  return { ...server, name: 'sockudo', drop: () => {}, restart: () => server.start() };
}

/** How the vendor's client finds a service of this machine. */
export function localOptions(endpoint: string, port: number): ClientOptions {
  return { endpoint, port, tls: false, disableConnectivityCheck: true, fallbackHosts: [], logLevel: 0 };
}
