import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { type ServerFrame, wireVersionQuery } from '../socket-wire.ts';
import type { ResolvedOptions } from './options.ts';
import { closeCodes } from './socket-connection.ts';

/** Why a handshake is refused, as HTTP says it. */
export interface Refusal {
  readonly status: 403 | 404 | 429 | 503;
  readonly message: string;
}

/** Whether a handshake may become a socket; `open` has the present numbers of sockets. */
export function refusalOf(
  request: IncomingMessage,
  options: ResolvedOptions,
  open: { readonly total: number; readonly fromAddress: number },
): Refusal | undefined {
  if (!isOriginAllowed(request, options.allowedOrigins)) {
    return {
      status: 403,
      message: `The origin ${request.headers.origin} may not connect: add it to \`allowedOrigins\`.`,
    };
  }
  if (open.total >= options.maxConnections) {
    return {
      status: 503,
      message: `All ${options.maxConnections} connections of this server are taken (\`maxConnections\`).`,
    };
  }
  if (open.fromAddress >= options.maxConnectionsPerAddress) {
    return {
      status: 429,
      message:
        `This address has ${open.fromAddress} connections, the limit is ${options.maxConnectionsPerAddress} (\`maxConnectionsPerAddress\`). ` +
        'Behind a proxy, tell the real addresses with `clientAddress`.',
    };
  }
  return undefined;
}

/** Answers a handshake with an HTTP error and closes its connection. */
export function refuse(socket: Duplex, { status, message }: Refusal): void {
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`,
    () => socket.destroy(),
  );
}

/** Whether a handshake is our own client's, which asks for `welcome` and for refusals that it can read. */
export function isOurClient(request: IncomingMessage): boolean {
  const [name, value] = wireVersionQuery;
  return new URLSearchParams(request.url?.split('?')[1]).get(name) === value;
}

/**
 * Refuses on a socket that is open: a browser does not tell its page why a handshake was refused. Nothing that the
 * client sends is read.
 */
export function deny(socket: WebSocket, { message }: Refusal): void {
  socket.on('error', () => {});
  socket.send(JSON.stringify({ type: 'denied', code: 'forbidden', message } satisfies ServerFrame), () =>
    socket.close(closeCodes.denied, 'denied'),
  );
}

// Only browsers send Origin, and only browsers attach a user's cookies to a socket that a foreign page opens: a client
// without one has nothing but its own credentials.
function isOriginAllowed(request: IncomingMessage, allowed: ResolvedOptions['allowedOrigins']): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined || allowed === '*') return true;
  if (allowed) return allowed.includes(origin);
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}
