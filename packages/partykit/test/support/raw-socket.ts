import { get } from 'node:http';
import { until } from './until.ts';

/** A socket without manners, for tests of the wire. */
export class RawSocket {
  readonly received: string[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly #socket: WebSocket;

  private constructor(url: string) {
    this.#socket = new WebSocket(url.replace(/^http/, 'ws'));
    this.#socket.onmessage = ({ data }) => this.received.push(data);
    this.#socket.onclose = ({ code, reason }) => {
      this.closed = { code, reason };
    };
  }

  static async open(url: string): Promise<RawSocket> {
    const socket = new RawSocket(url);
    await until('an open socket', () => socket.#socket.readyState !== WebSocket.CONNECTING);
    return socket;
  }

  send(data: string | ArrayBuffer): void {
    this.#socket.send(data);
  }

  /** The first message with this in it. */
  got(part: string): Promise<string> {
    return until(`a message with ${part}`, () => this.received.find((each) => each.includes(part)), {
      saw: () => ({ received: this.received, closed: this.closed }),
    });
  }

  isClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    return until('a closed socket', () => this.closed, { saw: () => this.received });
  }

  close(): void {
    this.#socket.close();
  }
}

/** The status that a WebSocket handshake is answered with: 101 where it becomes a socket. */
export function handshake(url: string): Promise<number> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  return new Promise((resolve, reject) => {
    const request = get(url, { headers });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
  });
}
