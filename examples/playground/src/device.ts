/** How this tab reaches the server. */
export interface Device {
  /** The name of this tab's own network; `null` where the tab has none, and nothing can be broken. */
  readonly name: string | null;
  /** The address in front of the API's path. */
  readonly origin: string;
}

export type NetworkMode = 'online' | 'closed' | 'half-open';
export type PathName = 'websocket' | 'response' | 'sse';
export type Access = 'open' | 'read-only' | 'signed-out' | 'forbidden';

/** What the server's switches do to this tab. */
export interface Switches {
  readonly mode: NetworkMode;
  readonly blocked: readonly PathName[];
  readonly access: Access;
}

export const nothingBroken: Switches = { mode: 'online', blocked: [], access: 'open' };

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

/** Reads the switches of a device. The request goes to the page's own host, which is never cut. */
export async function readSwitches(device: string): Promise<Switches> {
  const [network, access] = await Promise.all(
    ['network', 'access'].map((name) => answerOf(fetch(`/control/${name}?device=${device}`))),
  );
  return { ...nothingBroken, ...network, ...access };
}

/** Changes the switches of a device, and returns what the server confirms. */
export async function changeSwitches(
  device: string,
  { access, ...network }: Partial<Switches>,
): Promise<Partial<Switches>> {
  const post = (name: string, change: object): Promise<Partial<Switches>> =>
    answerOf(
      fetch(`/control/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ device, ...change }),
      }),
    );
  return {
    ...(Object.keys(network).length > 0 && (await post('network', network))),
    ...(access && (await post('access', { access }))),
  };
}

async function answerOf(request: Promise<Response>): Promise<Partial<Switches>> {
  const response = await request;
  if (!response.ok) throw new Error(`The switch answered ${response.status}.`);
  return (await response.json()) as Partial<Switches>;
}
