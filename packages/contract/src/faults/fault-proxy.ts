import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Flow, type FlowFaults } from './flow.ts';
import { MessageSwaps } from './message-swaps.ts';

/** What a proxy does to its connections, until it is set again. */
export interface Faults {
  /** New connections are reset at once. */
  readonly refuse?: boolean;
  /** From the client to the server. */
  readonly up?: FlowFaults;
  /** From the server to the client. */
  readonly down?: FlowFaults;
}

/** One step of a script: when as many bytes as this have passed since the step before (both directions), do this. */
export interface ScriptStep {
  readonly afterBytes: number;
  readonly act: (proxy: FaultProxy) => void;
}

/** What is between the client and the server: a TCP proxy for real servers whose network can fail. */
export class FaultProxy {
  /** Connections that were accepted since the start. */
  accepted = 0;
  /** Bytes that came from servers since the start, whether they were passed on or not. */
  bytesDown = 0;
  readonly #target: () => number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #faults: Faults = {};
  #script: ScriptStep[] = [];
  #scriptBytes = 0;
  #isSwapped: ((text: string) => boolean) | undefined;

  private constructor(target: () => number) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /**
   * Starts a proxy on a free port of this machine. `target` is asked for the server's port at each connection: it may
   * change.
   */
  static async start(target: number | (() => number)): Promise<FaultProxy> {
    const proxy = new FaultProxy(typeof target === 'number' ? () => target : target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `127.0.0.1:<port>`. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Sets the faults, for the connections that are open too; what is not named is healthy. */
  set(faults: Faults): void {
    this.#faults = faults;
  }

  /** Resets every open connection, on both sides. */
  reset(): void {
    for (const { client, server } of [...this.#pairs]) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** The network goes: open connections are reset, new ones refused. */
  cut(): void {
    this.set({ refuse: true });
    this.reset();
  }

  /**
   * The network fails silently: open and new connections stay open and carry nothing. They stay dead after `restore`.
   */
  freeze(): void {
    this.set({ up: { blackHole: true }, down: { blackHole: true } });
  }

  /** The connections that are open lose their server without their client's knowing: half-open. New ones work. */
  halfOpen(): void {
    for (const pair of this.#pairs) {
      pair.isHalfOpen = true;
      pair.server.destroy();
    }
  }

  /** All faults end. A connection that has lost bytes stays dead. */
  restore(): void {
    this.set({});
  }

  /** Runs steps, each as soon as its bytes have passed. */
  script(steps: readonly ScriptStep[]): void {
    this.#script = [...steps];
    this.#scriptBytes = 0;
  }

  /**
   * On connections from now on, swaps neighbours among the WebSocket messages from the server that `isSwapped` chooses.
   */
  swapMessages(isSwapped: (text: string) => boolean): void {
    this.#isSwapped = isSwapped;
  }

  /** Ends everything. Idempotent. */
  async close(): Promise<void> {
    for (const { client, server } of [...this.#pairs]) {
      client.destroy();
      server.destroy();
    }
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    client.on('error', () => {});
    if (this.#faults.refuse) {
      client.resetAndDestroy();
      return;
    }
    this.accepted += 1;
    const server = connect({ port: this.#target(), host: '127.0.0.1', allowHalfOpen: true });
    const pair: Pair = { client, server, isHalfOpen: false };
    this.#pairs.add(pair);
    for (const socket of [client, server]) socket.setNoDelay(true);
    const none: FlowFaults = {};
    const up = new Flow(
      client,
      server,
      () => this.#faults.up ?? none,
      (bytes) => {
        this.#passed(bytes.length);
        return bytes;
      },
    );
    const swaps = this.#isSwapped && new MessageSwaps(this.#isSwapped);
    const down = new Flow(
      server,
      client,
      () => this.#faults.down ?? none,
      (bytes) => {
        this.bytesDown += bytes.length;
        this.#passed(bytes.length);
        return swaps?.pass(bytes) ?? bytes;
      },
    );
    server.on('error', () => {
      if (!pair.isHalfOpen && !down.isDead) client.resetAndDestroy();
    });
    client.on('close', () => {
      up.stop();
      down.stop();
      this.#pairs.delete(pair);
      // A server behind a black hole hears nothing of its client's going.
      if (!up.isDead) server.destroy();
    });
    server.on('close', () => {
      if (!pair.isHalfOpen && !down.isDead && !client.writableEnded) client.destroySoon();
    });
  }

  #passed(count: number): void {
    this.#scriptBytes += count;
    while (this.#script[0] && this.#scriptBytes >= this.#script[0].afterBytes) {
      this.#scriptBytes -= this.#script[0].afterBytes;
      this.#script.shift()?.act(this);
    }
  }
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  isHalfOpen: boolean;
}
