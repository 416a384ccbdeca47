import { FaultProxy, TestChat } from '@chat-transport/contract';
import { PartyKitChatTransport } from '../../src/index.ts';
import { until } from './until.ts';
import type { Workerd } from './workerd.ts';

const quick = {
  graceMs: 150,
  gapMs: 30,
  firstByteMs: 500,
  stallMs: 30_000,
  quietMs: 400,
  silenceMs: 400,
  pollMs: 1000,
  lingerMs: 100,
};

interface DeviceOptions {
  readonly headers?: Record<string, string>;
  readonly timings?: Partial<typeof quick>;
}

/** A page: one chat, with networks of its own to the Worker's routes and to its sockets. */
export class Device {
  readonly transport: PartyKitChatTransport;
  readonly chat: TestChat;
  readonly http: FaultProxy;
  readonly sockets: FaultProxy;
  /** `METHOD path` of every request. */
  readonly requests: string[] = [];
  /** A proxy on the way passes no response on before it is over. */
  holdsResponses = false;
  /** Every request fails but those for tickets. */
  getsTicketsOnly = false;

  private constructor(chatId: string, http: FaultProxy, sockets: FaultProxy, options: DeviceOptions) {
    this.http = http;
    this.sockets = sockets;
    this.transport = new PartyKitChatTransport({
      api: `http://${http.host}/api/chat`,
      url: `http://${sockets.host}/api/chat`,
      headers: options.headers ?? {},
      timings: { ...quick, ...options.timings },
      fetch: async (input, init) => {
        this.requests.push(`${init?.method ?? 'GET'} ${new URL(String(input)).pathname}`);
        if (this.getsTicketsOnly && !String(input).endsWith('/auth')) throw new TypeError('No network.');
        const response = await fetch(input, init);
        return this.holdsResponses ? new Response(await response.text(), response) : response;
      },
    });
    this.chat = new TestChat({ id: chatId, transport: this.transport });
  }

  static async open(workerd: Workerd, chatId = 'c', options: DeviceOptions = {}): Promise<Device> {
    const http = await FaultProxy.start(() => workerd.port);
    const sockets = await FaultProxy.start(() => workerd.port);
    return new Device(chatId, http, sockets, options);
  }

  /** The newest message's text. */
  get text(): string {
    return (this.chat.messages.at(-1)?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');
  }

  get seen(): object {
    const { status, error } = this.chat;
    return { text: this.text, status, error: String(error), connection: this.#connection };
  }

  async reaches(path: 'realtime' | 'sse' | 'poll'): Promise<void> {
    await until(`the path ${path}`, () => this.#connection.path === path, { saw: () => this.seen });
  }

  async shows(text: string): Promise<void> {
    await until(`"${text}"`, () => this.text.includes(text), { saw: () => this.seen });
  }

  async close(): Promise<void> {
    this.transport.close();
    await Promise.all([this.http.close(), this.sockets.close()]);
  }

  get #connection() {
    return this.transport.connection(this.chat.id).getSnapshot();
  }
}
