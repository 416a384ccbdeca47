import type { IncomingHttpHeaders } from 'node:http';
import { WebSocket } from 'ws';
import type { ClientFrame } from '../../src/socket-wire.ts';
import { until } from './until.ts';

/** A socket without manners, for tests of the wire. */
export class RawClient {
  readonly socket: WebSocket;
  /** Everything that came, control frames parsed. */
  readonly received: unknown[] = [];
  closed: { code: number; reason: string } | undefined;
  refused: { status: number | undefined; headers: IncomingHttpHeaders; text: string } | undefined;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers });
    this.socket.on('message', (data) => {
      const text = data.toString();
      this.received.push(text.startsWith('{') ? JSON.parse(text) : text);
    });
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on('error', () => {});
    this.socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        this.refused = { status: response.statusCode, headers: response.headers, text };
      });
    });
  }

  async opened(): Promise<this> {
    await until('an open socket', () => this.socket.readyState === WebSocket.OPEN, {
      saw: () => this.refused ?? this.closed,
    });
    return this;
  }

  tell(frame: ClientFrame | object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** The first received frame with these fields. */
  async got(fields: Record<string, unknown>): Promise<Record<string, unknown>> {
    return until(
      `a frame with ${JSON.stringify(fields)}`,
      () =>
        this.received.find(
          (frame): frame is Record<string, unknown> =>
            typeof frame === 'object' &&
            frame !== null &&
            Object.entries(fields).every(([name, value]) => (frame as Record<string, unknown>)[name] === value),
        ),
      { saw: () => ({ received: this.received, closed: this.closed, refused: this.refused }) },
    );
  }

  async subscribe(chat: string, token: string, ref = 1): Promise<Record<string, unknown>> {
    this.tell({ type: 'subscribe', ref, chat, token });
    return this.got({ ref, chat });
  }
}
