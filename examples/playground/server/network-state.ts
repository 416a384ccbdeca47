/** `closed`: connections are reset. `half-open`: they stay open and nothing passes any more, as when a Wi-Fi goes out of reach. */
export type NetworkMode = 'online' | 'closed' | 'half-open';

/** One way for a frame to reach a device. */
export type PathName = 'websocket' | 'response' | 'sse';

export const networkModes: readonly NetworkMode[] = ['online', 'closed', 'half-open'];
export const pathNames: readonly PathName[] = ['websocket', 'response', 'sse'];

/** The network of one device, that is of one tab of the page. */
export interface NetworkState {
  readonly mode: NetworkMode;
  /** Paths that do not work: refused upgrades, responses cut behind their headers, event streams held back until they end. */
  readonly blocked: readonly PathName[];
}

export const online: NetworkState = { mode: 'online', blocked: [] };

/** The device in a `Host` header (`<device>.localhost:3000`); `null` for the page's own traffic, which is never cut. */
export function deviceOf(host: string | undefined): string | null {
  return /^([a-z0-9-]{1,40})\.localhost(?::\d+)?$/i.exec(host?.trim() ?? '')?.[1]?.toLowerCase() ?? null;
}
