/** How this tab reaches the server. */
export interface Device {
  /** The name of this tab's own network; `null` where the tab has none, and the network cannot be cut. */
  readonly name: string | null;
  /** The address in front of the API's path. */
  readonly origin: string;
}

export type NetworkMode = 'online' | 'closed' | 'half-open';
export type PathName = 'websocket' | 'response' | 'sse';

export interface NetworkState {
  readonly mode: NetworkMode;
  readonly blocked: readonly PathName[];
}

const storageKey = 'chat-transport-device';

/**
 * Gives the tab a host of its own, `<name>.localhost`: the server's network cuts by it. A reload keeps the name (sessionStorage),
 * so a cut outlasts it. Some browsers do not know such hosts; there the tab speaks to the page's own.
 */
export async function openDevice(): Promise<Device> {
  const stored = sessionStorage.getItem(storageKey);
  const name = stored ?? `tab-${crypto.randomUUID().slice(0, 8)}`;
  const origin = `http://${name}.localhost:${location.port}`;
  if (stored) return { name, origin };
  try {
    const response = await fetch(`${origin}/control/ping`, { signal: AbortSignal.timeout(1500) });
    if ((await response.text()) !== 'playground') throw new Error('Another server answered.');
    sessionStorage.setItem(storageKey, name);
    return { name, origin };
  } catch {
    return { name: null, origin: location.origin };
  }
}

/** Reads or changes the device's network. The request goes to the page's own host, which is never cut. */
export async function network(device: string, change?: Partial<NetworkState>): Promise<NetworkState> {
  const response = change
    ? await fetch('/control/network', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ device, ...change }),
      })
    : await fetch(`/control/network?device=${device}`);
  if (!response.ok) throw new Error(`The network's switch answered ${response.status}.`);
  return (await response.json()) as NetworkState;
}
