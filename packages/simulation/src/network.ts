import type { ServerProcess } from './server-process.ts';
import type { Tab } from './tab.ts';
import type { World } from './world.ts';

/** An answer's body on its way to a tab. */
export interface OpenBody {
  /** Ends it with an error, as when the network is lost. */
  cut(): void;
  /** Nothing more comes, and nobody is told. */
  silence(): void;
}

/** A tab's `fetch`: requests and answers take time, get lost, and break off. */
export class Network {
  readonly bodies: Set<OpenBody> = new Set();
  /** How many requests have neither been answered nor failed. */
  open = 0;
  readonly #world: World;
  readonly #tab: Tab;

  constructor(world: World, tab: Tab) {
    this.#world = world;
    this.#tab = tab;
  }

  readonly fetch: typeof globalThis.fetch = (input, init) =>
    new Promise<Response>((resolve, reject) => {
      const world = this.#world;
      const { clock, device, name } = this.#tab;
      const address = String(input);
      const method = init?.method ?? 'GET';
      const label = `${method} ${address.slice('http://sim.test/api/chat'.length)}`;
      const signal = init?.signal ?? undefined;
      const theirs = new AbortController();
      let settled = false;
      this.open++;
      const settle = (act: () => void): void => {
        if (settled || this.#tab.gone) return;
        settled = true;
        this.open--;
        act();
      };
      const fail = (why: string): void =>
        settle(() => {
          world.trace.add(name, `${label}: ${why}`);
          reject(new TypeError('fetch failed'));
        });
      const later = (act: () => void): unknown => clock.setTimeout(act, world.latency());
      // The server hears of it where the network carries it.
      const leave = (): void => void world.scheduler.after(world.latency(), () => theirs.abort());
      signal?.addEventListener('abort', () => {
        settle(() => reject(signal.reason));
        if (!device.offline) leave();
      });
      if (signal?.aborted) return settle(() => reject(signal.reason));
      // A half-open network says nothing; the request's own timeout is all there is.
      const lose = (why: string): void => {
        if (world.chance(0.7)) later(() => fail(why));
        else world.trace.add(name, `${label}: ${why}, and no error either`);
      };
      later(() => {
        if (device.offline) return fail('offline');
        if (world.strikes('request-lost')) return lose('request lost');
        const server = world.someServer();
        if (!server) return fail('no server');
        const request = new Request(address, { ...init, signal: theirs.signal } as RequestInit);
        const abandon = (): void => void world.scheduler.after(world.latency(), () => fail('connection closed'));
        server.connections.add(abandon);
        void server
          .gate(() => server.handler(request))
          .then((response) => {
            server.connections.delete(abandon);
            world.scheduler.after(world.latency(), () => {
              const isLost = world.strikes('answer-lost');
              if (isLost || device.offline || settled || this.#tab.gone) {
                theirs.abort();
                void response.body?.cancel().catch(() => {});
                return isLost ? lose('answer lost') : fail('offline');
              }
              settle(() => {
                if (method === 'POST' || !response.ok || world.isVerbose)
                  world.trace.add(name, `${label}: ${response.status}`);
                resolve(this.#receive(response, server, theirs, signal, label));
              });
            });
          });
      });
    });

  /** The tab is gone: the servers see its connections close. */
  leave(): void {
    for (const body of [...this.bodies]) body.cut();
  }

  #receive(
    response: Response,
    server: ServerProcess,
    theirs: AbortController,
    signal: AbortSignal | undefined,
    label: string,
  ): Response {
    const world = this.#world;
    const { status, headers } = response;
    if (!response.body || !headers.get('content-type')?.includes('event-stream')) return response;
    const reader = response.body.getReader();
    const { clock, name, device } = this.#tab;
    const heldBack = world.strikes('body-held-back');
    const cutAfter = world.strikes('body-cut') ? world.between(0, 12) : Number.POSITIVE_INFINITY;
    const silentAfter = world.strikes('body-half-open') ? world.between(0, 12) : Number.POSITIVE_INFINITY;
    const held: Uint8Array[] = [];
    let reads = 0;
    let silent = false;
    const over = (): void => {
      this.bodies.delete(entry);
      server.connections.delete(entry.cut);
      signal?.removeEventListener('abort', onAbort);
    };
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const leave = (): void => {
      world.scheduler.after(world.latency(), () => {
        theirs.abort();
        reader.cancel().catch(() => {});
      });
    };
    const entry: OpenBody = {
      cut: () => {
        if (!this.bodies.has(entry)) return;
        over();
        leave();
        if (!this.#tab.gone) controller.error(new TypeError('network error'));
      },
      silence: () => {
        silent = true;
      },
    };
    const onAbort = (): void => {
      if (!this.bodies.has(entry)) return;
      over();
      leave();
      controller.error(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort);
    this.bodies.add(entry);
    server.connections.add(entry.cut);
    const body = new ReadableStream<Uint8Array>({
      start: (own) => {
        controller = own;
      },
      pull: async () => {
        for (;;) {
          const { done, value } = await reader.read();
          if (!server.alive) return new Promise<never>(() => {});
          if (value && world.isRevokedForLong(device.name))
            world.ledger.violations.push(`${name} has no access any more and still receives ${label}.`);
          await clock.wait(world.latency() / 2);
          if (!this.bodies.has(entry)) return;
          if (++reads > silentAfter) silent = true;
          if (reads > cutAfter) {
            world.trace.add(name, `${label}: body cut`);
            return entry.cut();
          }
          if (silent || device.offline) return new Promise<never>(() => {});
          if (value && heldBack && !done) {
            held.push(value);
            continue;
          }
          for (const bytes of held) controller.enqueue(bytes);
          if (value) controller.enqueue(value);
          if (done) {
            over();
            controller.close();
          }
          return;
        }
      },
      cancel: () => {
        over();
        leave();
      },
    });
    return new Response(body, { status, headers });
  }
}
