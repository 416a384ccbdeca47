import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { RealtimeServer, RunLog } from '@chat-transport/core/provider';
import { type ChatHandler, createChatHandler, type ServerEvent } from '@chat-transport/core/server';
import { createAdaptorServer } from '@hono/node-server';
import type { ServerHalf, ServerOptions } from './provider-case.ts';
import { type LogHooks, severableLog } from './severable-log.ts';

/** Changes what a server publishes: call `next` for what goes out. */
export type PublishFilter = (data: string, next: (data: string) => Promise<void>, channel: string) => Promise<void>;

/** One server process: the handler behind a real HTTP server, with the provider's half. */
export class StageServer {
  readonly handler: ChatHandler;
  readonly realtime: RealtimeServer;
  /** `METHOD path` of every request, oldest first. */
  readonly requests: string[] = [];
  /** Every message that core gave to the service, oldest first, before the filter. */
  readonly published: { readonly id: string; readonly data: string }[] = [];
  /** What the handler reported, oldest first. */
  readonly events: ServerEvent[] = [];
  /** What is done to everything that is published from here. */
  filter: PublishFilter = (data, next) => next(data);
  readonly #http: Server;
  readonly #half: ServerHalf;
  readonly #sockets = new Set<Socket>();
  readonly #responses = new Set<ServerResponse>();
  readonly #sever: () => void;
  #closing: Promise<void> | undefined;

  private constructor(
    half: ServerHalf,
    log: RunLog,
    hooks: LogHooks,
    options: ServerOptions & Pick<Required<ServerOptions>, 'respond' | 'authorize'>,
  ) {
    const severable = severableLog(half.realtime.log ?? log, hooks);
    this.#half = half;
    this.#sever = severable.sever;
    this.realtime = this.#filtered(half.realtime, severable.log);
    this.handler = createChatHandler({
      ...options,
      realtime: this.realtime,
      log: severable.log,
      onEvent: (event) => {
        this.events.push(event);
        options.onEvent?.(event);
      },
    });
    this.#http = createAdaptorServer({ fetch: this.handler }) as Server;
    this.#http.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.requests.push(`${request.method} ${request.url}`);
      this.#responses.add(response);
      response.on('close', () => this.#responses.delete(response));
    });
    this.#http.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    half.attach?.(this.#http);
  }

  static async start(
    half: ServerHalf,
    log: RunLog,
    hooks: LogHooks,
    options: ServerOptions & Pick<Required<ServerOptions>, 'respond' | 'authorize'>,
  ): Promise<StageServer> {
    const server = new StageServer(half, log, hooks, options);
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Requests whose response is not over. */
  get open(): number {
    return this.#responses.size;
  }

  /**
   * Ends every response that has begun, in good form, as a proxy or a function's time limit does it: the reader sees a
   * clean end of file. A request that still waits for its headers is left alone: the handler writes them later, and
   * cannot once the response is over.
   */
  endResponses(): void {
    for (const response of this.#responses) if (response.headersSent) response.end();
  }

  /** The process dies: connections break off, its runs are written no further, and nobody is informed. */
  async kill(): Promise<void> {
    this.#sever();
    await this.#stop();
  }

  /** The process ends as a deployment does it: its runs are saved and ended first. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.handler.runtime.close().then(() => this.#stop());
    return this.#closing;
  }

  async #stop(): Promise<void> {
    this.#closing ??= Promise.resolve();
    for (const socket of this.#sockets) socket.destroy();
    const closed = new Promise((resolve) => this.#http.close(resolve));
    await this.#half.close?.();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #filtered(realtime: RealtimeServer, log: RunLog): RealtimeServer {
    const ids = new Map<string, string>();
    return {
      name: realtime.name,
      limits: realtime.limits,
      channelName: (chatId) => realtime.channelName(chatId),
      publish: (channel, data, signal, id) => {
        this.published.push({ id, data });
        ids.set(data, id);
        // A message that a filter holds back keeps its id.
        const next = (given: string) => realtime.publish(channel, given, signal, ids.get(given) ?? id);
        return this.filter(data, next, channel);
      },
      ...(realtime.authorize && { authorize: realtime.authorize.bind(realtime) }),
      ...(realtime.route && { route: realtime.route.bind(realtime) }),
      ...(realtime.connect && { connect: realtime.connect.bind(realtime) }),
      ...(realtime.revoke && { revoke: realtime.revoke.bind(realtime) }),
      ...(realtime.isAlone !== undefined && { isAlone: realtime.isAlone }),
      ...(realtime.log && { log }),
    };
  }
}
