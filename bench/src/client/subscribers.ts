import { WebSocket } from 'ws';
import { nowMs } from '../clock.ts';
import { until } from './until.ts';

const atOnce = 100;

/** Many plain sockets that note when each message came. */
export class Subscribers {
  readonly #sockets: WebSocket[] = [];
  /** Per message, when each socket had it. */
  #arrivals: number[][] = [];
  #payloads: string[] = [];
  #answered = 0;

  /** Opens `count` sockets. `subscribe`: what each one says first and waits for the answer to. */
  static async open(url: string, count: number, subscribe?: string): Promise<Subscribers> {
    const subscribers = new Subscribers();
    while (subscribers.#sockets.length < count) {
      const from = subscribers.#sockets.length;
      for (let index = from; index < Math.min(from + atOnce, count); index += 1)
        subscribers.#add(url, index, subscribe);
      const wanted = subscribers.#sockets.length;
      await until('sockets to open', () =>
        subscribe ? subscribers.#answered === wanted : subscribers.#sockets.every((each) => each.readyState === 1),
      );
    }
    return subscribers;
  }

  /** Forgets what came before. */
  begin(): void {
    this.#arrivals = [];
    this.#payloads = [];
  }

  /** Waits until every socket has had the message for which `isLast` holds. */
  async seenBy(isLast: (payload: string, index: number) => boolean): Promise<void> {
    await until('all sockets to have all messages', () => {
      const last = this.#payloads.findIndex(isLast);
      return last >= 0 && this.#arrivals[last]?.length === this.#sockets.length;
    });
  }

  get payloads(): readonly string[] {
    return this.#payloads;
  }

  get arrivals(): readonly (readonly number[])[] {
    return this.#arrivals;
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #add(url: string, index: number, subscribe: string | undefined): void {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    this.#sockets.push(socket);
    let arrivals = this.#arrivals;
    let next = 0;
    if (subscribe) socket.on('open', () => socket.send(subscribe));
    socket.on('message', (data: Buffer) => {
      // The first character tells a socket's own answers from what is published.
      if (data[0] === 0x7b) {
        this.#answered += 1;
        return;
      }
      if (arrivals !== this.#arrivals) {
        arrivals = this.#arrivals;
        next = 0;
      }
      if (index === 0) this.#payloads.push(data.toString());
      const message = arrivals[next] ?? [];
      arrivals[next] = message;
      message.push(nowMs());
      next += 1;
    });
  }
}

/** Sockets that follow one chat of this project's server. */
export async function followChat(port: number, chatId: string, count: number): Promise<Subscribers> {
  const response = await fetch(`http://127.0.0.1:${port}/api/chat/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ chatId }),
  });
  const { token } = (await response.json()) as { token: string };
  const subscribe = JSON.stringify({ type: 'subscribe', ref: 1, chat: chatId, token });
  return Subscribers.open(`ws://127.0.0.1:${port}/api/chat/socket`, count, subscribe);
}
