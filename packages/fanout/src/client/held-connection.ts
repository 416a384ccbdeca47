/** What a carrier needs to open a connection. */
export interface HeldConnectionOptions {
  readonly url: string;
  readonly webSocket?: (new (url: string) => WebSocket) | undefined;
  readonly fetch?: typeof fetch | undefined;
  /** Everything published from now on arrives. A WebSocket has a message for that. */
  readonly onLive: () => void;
  readonly onMessage: (data: string) => void;
  /** Anything came, keep-alives included. */
  readonly onAlive: () => void;
  /** The connection could not be opened, or is lost. Not called after `close`. `status`: what a refused `fetch` was answered. */
  readonly onDown: (reason: unknown, status?: number) => void;
}

/** One connection that the proxy holds. */
export interface HeldConnection {
  /** False where nothing can be sent. */
  send(data: string): boolean;
  close(): void;
}

/** How frames reach the page: `webSocketCarrier` or `streamCarrier`. */
export interface Carrier {
  /** Whether the proxy finds out what is missing. Otherwise core looks into the log after a silence. */
  readonly isRepaired: boolean;
  /** Whether commands go over the connection. Otherwise core posts them. */
  readonly carriesCommands: boolean;
  open(options: HeldConnectionOptions): HeldConnection;
}
