import { ChatTransportError } from '@chat-transport/core/provider';
import type { Publisher } from '@fanoutio/grip';

/** Headers that only the proxy may set: its signature, a WebSocket's id, and what the server has stored with a connection. */
const proxyHeaders = /^(grip-.*|connection-id|meta-.*)$/i;

/**
 * Whether a request came through the proxy, by its signature.
 * @throws ChatTransportError `unauthorized` for a request that pretends to.
 */
export async function isProxied(request: Request, publisher: Publisher): Promise<boolean> {
  const signature = request.headers.get('grip-sig');
  const { isSigned } = await publisher.validateGripSig(signature);
  if (isSigned) return true;
  const name = [...request.headers.keys()].find((each) => proxyHeaders.test(each));
  if (name === undefined) return false;
  const message =
    signature === null
      ? `The header ${name} is the proxy's, and the request has no signature of the proxy (Grip-Sig).`
      : 'The signature in Grip-Sig is not valid. If the request came through your proxy, `verify-key` or `verify-iss` of `grip` is wrong.';
  throw new ChatTransportError({ code: 'unauthorized', message });
}

/** The headers that a client has sent to the proxy. */
export function withoutProxyHeaders(headers: Headers): Headers {
  const own = new Headers(headers);
  for (const name of headers.keys()) if (proxyHeaders.test(name)) own.delete(name);
  return own;
}

/** A request for core's own routes, made from what a device sent over its WebSocket. */
export function deviceRequest(request: Request, path: string, body: object): Request {
  const headers = withoutProxyHeaders(request.headers);
  for (const name of [...headers.keys()]) {
    if (/^(content-.*|accept|sec-websocket-.*|transfer-encoding)$/.test(name)) headers.delete(name);
  }
  headers.set('content-type', 'application/json');
  return new Request(new URL(path, request.url), { method: 'POST', headers, body: JSON.stringify(body) });
}
