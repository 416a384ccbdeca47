import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What Pusher's HTTP API answers to `POST /apps/{id}/events`. */
export interface PusherAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * Pusher's documented answers: soketi gives none of the refusals as a status.
 * @see https://pusher.com/docs/channels/library_auth_reference/rest-api/
 */
export const answers: Record<'ok' | 'unauthorized' | 'overQuota' | 'tooLarge' | 'tooMany' | 'failed', PusherAnswer> = {
  ok: { status: 200, body: '{}' },
  unauthorized: { status: 401, body: 'Invalid signature: you should have sent HmacSHA256Hex(…)' },
  overQuota: { status: 403, body: 'Account is over its daily message quota' },
  tooLarge: { status: 413, body: 'The data content of this event exceeds the allowed maximum (10240 bytes)' },
  tooMany: { status: 429, body: 'Too many requests' },
  failed: { status: 500, body: 'Internal server error' },
};

/** Pusher's HTTP API with one answer to everything, and what it was asked. */
export interface PusherApi {
  readonly port: number;
  answer: PusherAnswer;
  readonly events: readonly { readonly name: string; readonly channels: readonly string[]; readonly data: string }[];
  close(): Promise<void>;
}

export async function startPusherApi(): Promise<PusherApi> {
  const events: PusherApi['events'][number][] = [];
  const api = { answer: answers.ok as PusherAnswer, events };
  const server = createServer(async (request, response) => {
    events.push(JSON.parse(await bodyOf(request)));
    response.writeHead(api.answer.status).end(api.answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(api, {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}
