import { encodeFrame, readSse } from '@chat-transport/core/provider';
import { nextHeader } from '../wire.ts';

/** How frames reach the page: over a WebSocket, which also carries commands, or over a streamed `fetch` response. */
export type Carrier = 'websocket' | 'stream';

/** What both carriers need. */
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

/** Opens a WebSocket. */
export function openWebSocket({ url, webSocket, ...on }: HeldConnectionOptions): HeldConnection {
  const socket = new (webSocket ?? WebSocket)(url.replace(/^http/, 'ws'));
  const close = (): void => {
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  };
  socket.onopen = on.onAlive;
  socket.onmessage = ({ data }) => {
    on.onAlive();
    on.onMessage(String(data));
  };
  socket.onclose = socket.onerror = (reason: unknown) => {
    close();
    on.onDown(reason);
  };
  return {
    send(data) {
      if (socket.readyState !== 1) return false;
      socket.send(data);
      return true;
    },
    close,
  };
}

/** Opens a response that the proxy holds and appends to: core's event stream of a chat. */
export function openStream({ url, fetch: fetchIt = fetch, ...on }: HeldConnectionOptions): HeldConnection {
  const closing = new AbortController();
  const { signal } = closing;
  const read = async (): Promise<number> => {
    const { status, ok, headers, body } = await fetchIt(url, { headers: { accept: 'text/event-stream' }, signal });
    if (!ok) return status;
    on.onLive();
    const answer = { body, runId: headers.get('x-chat-run-id') ?? '', turn: Number(headers.get('x-chat-turn')) };
    await readSse(answer, Number(headers.get(nextHeader)), false, {
      onFrame: (frame) => void (signal.aborted || on.onMessage(encodeFrame(frame))),
      onBytes: on.onAlive,
      // Core reads it again, and reports why it is no frame.
      onMalformed: (_error, data) => void (signal.aborted || on.onMessage(data)),
    });
    return status;
  };
  const down = (reason: unknown, status?: number): void => void (signal.aborted || on.onDown(reason, status));
  read().then((status) => down(`The stream ended (status ${status}).`, status), down);
  return { send: () => false, close: () => closing.abort() };
}
