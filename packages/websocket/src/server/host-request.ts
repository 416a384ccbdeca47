import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

// They describe the handshake's own connection and say nothing about the request made from it.
const handshakeOnly =
  /^(connection|upgrade|keep-alive|te|trailer|transfer-encoding|expect|content-.*|accept|accept-encoding|sec-websocket-(key|version|extensions))$/;
// The routes' own parameters; the rest of the handshake's query belongs to the app (for example a token in `params`).
const routeParameters = ['run', 'from', 'follow', 'wait', 'recent'];

/**
 * A request for core's handler that comes from a socket: the handshake's headers and query, and for the AI SDK's wire
 * what is taken of the frame's headers. A frame cannot replace a header that the handshake brought, except
 * `authorization`: a proxy in front may have put the user's name there.
 */
export function hostRequest(
  handshake: IncomingMessage,
  path: string,
  init: {
    readonly method: 'GET' | 'POST';
    readonly body?: object;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(handshake.headers)) {
    if (value === undefined || handshakeOnly.test(name)) continue;
    headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  for (const [name, value] of Object.entries(init.headers ?? {})) {
    if (!headers.has(name) || name === 'authorization') headers.set(name, value);
  }
  if (init.body) headers.set('content-type', 'application/json');
  return new Request(addressOf(handshake, path), {
    method: init.method,
    headers,
    ...(init.body ? { body: JSON.stringify(init.body) } : {}),
  });
}

function addressOf(handshake: IncomingMessage, path: string): URL {
  const scheme = (handshake.socket as Partial<TLSSocket>).encrypted ? 'https' : 'http';
  const base = `${scheme}://${handshake.headers.host}`;
  const url = new URL(path, URL.canParse(base) ? base : 'http://localhost');
  for (const [name, value] of new URL(handshake.url ?? '/', 'http://localhost').searchParams) {
    if (!routeParameters.includes(name)) url.searchParams.append(name, value);
  }
  return url;
}
