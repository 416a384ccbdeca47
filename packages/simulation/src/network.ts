import { ChatTransportError } from '@chat-transport/core';
import type { ServerProcess } from './server-process.ts';
import type { Tab } from './tab.ts';
import { crowdPrefix, type World } from './world.ts';

const crowdedChat = new RegExp(`/(${crowdPrefix}\\d+)`);

/** An answer's body on its way to a tab. */
export interface OpenBody {
  /** Ends it with an error, as when the network is lost. */
  cut(): void;
  /** Nothing more comes, and nobody is told. */
  silence(): void;
}

/** The lowest and the highest rate of a slow upload, in bytes per millisecond: above what core takes for a dead connection. */
const uploadRates = [34, 60] as const;
/** From which length on, in bytes, the upload of a body takes its time. */
const longBody = 500_000;

/** With it begins each line of an event stream that has content. */
const dataLetter = 'd'.charCodeAt(0);

/** A tab's `fetch`: requests and answers take time, get lost, and break off. */
export class Network {
  readonly bodies: Set<OpenBody> = new Set();
  /** How many requests have neither been answered nor failed. */
  open = 0;
  /** How many requests were made for each of the page's other chats. */
  readonly requests: Map<string, number> = new Map();
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
      const [, crowded] = label.match(crowdedChat) ?? [];
      if (crowded) this.requests.set(crowded, (this.requests.get(crowded) ?? 0) + 1);
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
      const length = typeof init?.body === 'string' ? init.body.length : 0;
      const uploadMs = length < longBody ? 0 : length / world.between(...uploadRates);
      if (uploadMs > 0) this.#upload(uploadMs, label, signal, () => !settled && !this.#tab.gone, fail);
      // The body has arrived, or the network is away in the middle of it.
      const arrives = (act: () => void): unknown => clock.setTimeout(act, world.latency() + uploadMs);
      arrives(() => {
        if (settled) return;
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

  /** Lets an upload break off in the middle now and then; its client may not give it up while it moves. */
  #upload(
    uploadMs: number,
    label: string,
    signal: AbortSignal | undefined,
    isUnderWay: () => boolean,
    fail: (why: string) => void,
  ): void {
    const { faults, ledger, scheduler, trace } = this.#world;
    const world = this.#world;
    const { name, clock, device } = this.#tab;
    trace.add(name, `${label}: uploads for ${Math.round(uploadMs)} ms`);
    const breaksAt = !faults.healed && world.chance(0.4) ? world.between(0, uploadMs) : Number.POSITIVE_INFINITY;
    const endsAt = scheduler.now + uploadMs / clock.rate;
    if (breaksAt < uploadMs)
      clock.setTimeout(() => {
        if (!isUnderWay()) return;
        ledger.uploads.broken++;
        fail('upload broken off');
      }, breaksAt);
    else
      clock.setTimeout(() => {
        if (isUnderWay()) ledger.uploads.arrived++;
      }, uploadMs);
    signal?.addEventListener('abort', () => {
      const isCut = ChatTransportError.isInstance(signal.reason) && signal.reason.code === 'network';
      const isOpen = !this.#tab.gone && !this.#tab.closed;
      if (isCut && isOpen && !device.offline && scheduler.now < Math.min(endsAt, endsAt - uploadMs + breaksAt))
        ledger.violations.push(`${name} has given up a moving upload: ${label}.`);
    });
  }

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
          // In their other chats, users lose their access a while later: when they are authorized again. A comment says nothing of a chat.
          if (value?.includes(dataLetter) && !label.includes(` /${crowdPrefix}`) && world.isRevokedForLong(device.name))
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
