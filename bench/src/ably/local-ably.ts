import type { ClientOptions } from 'ably';

/** The key of the emulator's app. */
export const ablyKey = 'app.key:secret';

/** How Ably's client finds the emulator; who it is comes on top. */
export function localAbly(port: number): ClientOptions {
  const local = { endpoint: '127.0.0.1', port, tls: false, disableConnectivityCheck: true, fallbackHosts: [] };
  return { ...local, logLevel: 0 };
}
