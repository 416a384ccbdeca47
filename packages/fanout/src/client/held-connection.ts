import { createParser } from 'eventsource-parser';

/** How frames reach the page: over a WebSocket, which also carries commands, or over a streamed `fetch` response. */
export type Carrier = 'websocket' | 'stream';

/** What both carriers need. */
export interface HeldConnectionOptions {
  readonly url: string;
  readonly webSocket?: (new (url: string) => WebSocket) | undefined;
  readonly fetch?: typeof fetch | undefined;
  readonly onMessage: (data: string) => void;
  /** Anything came, keep-alives included. */
  readonly onAlive: () => void;
  /** The connection could not be opened, or is lost. Called once, and not after `close`. `status`: what a refused `fetch` was answered. */
  readonly onDown: (reason: unknown, status?: number) => void;
}

/** One connection that the proxy holds. */
export interface HeldConnection {
  /** False where nothing can be sent. */
  send(data: string): boolean;
  close(): void;
}

/** Opens a WebSocket. */
export function openWebSocket({ url, webSocket, ...on }: HeldConnectionOptions): HeldConnection {
  const socket = new (webSocket ?? WebSocket)(url.replace(/^http/, 'ws'));
  const leave = (): void => {
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  };
  socket.onopen = on.onAlive;
  socket.onmessage = ({ data }) => {
    on.onAlive();
    on.onMessage(String(data));
  };
  socket.onclose = socket.onerror = (reason: unknown) => {
    leave();
    on.onDown(reason);
  };
  return {
    send(data) {
      if (socket.readyState !== 1) return false;
      socket.send(data);
      return true;
    },
    close: leave,
  };
}

/** Opens a response that the proxy holds and appends to. */
export function openStream({ url, fetch: fetchIt = fetch, ...on }: HeldConnectionOptions): HeldConnection {
  const closing = new AbortController();
  const down = (reason: unknown, status?: number): void => {
    if (closing.signal.aborted) return;
    closing.abort();
    on.onDown(reason, status);
  };
  const read = async (): Promise<void> => {
    const response = await fetchIt(url, { headers: { accept: 'text/event-stream' }, signal: closing.signal });
    if (!response.ok || !response.body)
      return down(new Error(`The stream was answered ${response.status}.`), response.status);
    const parser = createParser({ onEvent: ({ data }) => void (closing.signal.aborted || on.onMessage(data)) });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return down(new Error('The stream ended.'));
      on.onAlive();
      parser.feed(value);
    }
  };
  read().catch(down);
  return { send: () => false, close: () => closing.abort() };
}
