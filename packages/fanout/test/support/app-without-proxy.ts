import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ScriptedModel } from '@chat-transport/contract';
import { memoryLog } from '@chat-transport/core/memory';
import { ChatTransportError } from '@chat-transport/core/provider';
import { type ChatHandler, type ChatHandlerOptions, createChatHandler } from '@chat-transport/core/server';
import { onTestFinished } from 'vitest';
import { fanout } from '../../src/server.ts';
import { secret } from './pushpin-service.ts';

/** What the proxy of these tests signs its requests with. */
export const proxyKey = 'the key of a proxy that these tests stand in for';

/** What a proxy takes in one publish. */
interface PublishedItem {
  readonly channel: string;
  readonly id?: string;
  readonly 'prev-id'?: string;
  readonly formats: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** An app whose publishes a plain HTTP server takes. Requests go to its handler, with what a proxy or a client would set. */
export async function appWithoutProxy(authorize: ChatHandlerOptions['authorize'] = () => true): Promise<{
  readonly handler: ChatHandler;
  readonly model: ScriptedModel;
  /** Everything published, oldest first. */
  readonly items: readonly PublishedItem[];
  request(path: string, init?: RequestInit): Promise<Response>;
  /** What becomes of publishes from now on: a proxy that does not answer keeps them waiting. */
  publishing(outcome: 'taken' | 'waiting' | 'refused'): void;
  /** The log answers no read from now on. */
  failing(): void;
}> {
  let outcome: 'taken' | 'waiting' | 'refused' = 'taken';
  const items: PublishedItem[] = [];
  const endpoint = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    if (outcome === 'waiting') return;
    if (outcome === 'refused') return void response.writeHead(500).end();
    items.push(...(JSON.parse(body) as { items: PublishedItem[] }).items);
    response.end('Published\n');
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const { port } = endpoint.address() as AddressInfo;
  const grip = `http://127.0.0.1:${port}?${new URLSearchParams({ 'verify-iss': 'pushpin', 'verify-key': proxyKey })}`;
  const model = new ScriptedModel();
  const log = memoryLog();
  const handler = createChatHandler({
    log,
    realtime: fanout({ grip, secret, flushIntervalMs: 0 }),
    authorize,
    respond: model.respond,
  });
  onTestFinished(async () => {
    for (const call of model.calls) call.close();
    // What still waits would hold up the end for as long as a publish may take.
    outcome = 'refused';
    endpoint.closeAllConnections();
    await handler.runtime.close();
    endpoint.closeAllConnections();
    await new Promise((resolve) => endpoint.close(resolve));
  });
  const request = (path: string, init?: RequestInit): Promise<Response> =>
    handler(new Request(`http://app.example/api/chat${path}`, init));
  const publishing = (next: typeof outcome): void => {
    outcome = next;
  };
  const failing = (): void => {
    log.read = log.state = async () => {
      throw new ChatTransportError({ code: 'provider-failed', message: 'The log is gone.', retryable: true });
    };
  };
  return { handler, model, items, request, publishing, failing };
}

/** A `Grip-Sig` header: a JSON Web Token, HS256. `expires` is in seconds since 1970. */
export function signature(options: { readonly key?: string; readonly expires?: number } = {}): string {
  const { key = proxyKey, expires = Date.now() / 1000 + 60 } = options;
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iss: 'pushpin', exp: Math.floor(expires) })}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}
