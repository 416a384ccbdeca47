import { systemClock } from '@chat-transport/core';
import { type ChatTokens, ChatTransportError, type WaitOptions } from '@chat-transport/core/provider';
import { defaultLeaseMs } from '@chat-transport/core/server';
import { type ChatSocket, type Heartbeat, openChatSocket } from '../chat-socket.ts';
import { explainRefusal } from '../explain-refusal.ts';
import { maxInboundBytes } from '../limits.ts';
import type { DeviceMessage, LogAnswer, LogCall, LogQuestion } from '../socket-wire.ts';

/** What the links of one log share; see `PartykitServerOptions`. */
export interface LinkOptions {
  readonly url: string;
  readonly tickets: ChatTokens;
  readonly heartbeatMs?: number | undefined;
  readonly deadAfterMs?: number | undefined;
  readonly callTimeoutMs: number;
  readonly lingerMs: number;
  readonly webSocket?: unknown;
}

interface OpenCall {
  question: Extract<LogQuestion, { call: LogCall }>;
  text: string;
  readonly settle: (answer?: LogAnswer | ChatTransportError) => void;
}

/** The part of a lease after which a silent link counts as dead: there is time for two more attempts. */
const deadAfterPart = 0.3;
const encoder = new TextEncoder();

/**
 * One chat's socket to its object, and the calls that wait for their answers. A lost socket comes back, and the calls
 * are asked again.
 */
export class ChatLink {
  readonly #options: LinkOptions;
  readonly #socket: ChatSocket;
  readonly #calls = new Map<string, OpenCall>();
  readonly #onIdle: () => void;
  #onEmpty: () => void = () => {};
  /** The shortest lease that depends on this link, in milliseconds. */
  #leaseMs = defaultLeaseMs;
  #wasOpened = false;
  #explaining = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `onIdle` is called when nothing has used the link for a while. */
  constructor(chatId: string, options: LinkOptions, onIdle: () => void) {
    this.#options = options;
    this.#onIdle = onIdle;
    this.#socket = openChatSocket({
      url: options.url,
      webSocket: options.webSocket,
      chatId,
      clock: systemClock,
      heartbeat: () => this.#heartbeat,
      query: async () => ({ ticket: await options.tickets.sign({ chatId, may: ['log'] }) }),
      onOpen: () => {
        this.#wasOpened = true;
        for (const { text } of this.#calls.values()) this.#socket.send(text);
      },
      onMessage: (data) => {
        const answer = JSON.parse(data) as LogAnswer | DeviceMessage;
        if ('id' in answer) this.#calls.get(answer.id)?.settle(answer);
        else if (answer.type === 'over') this.#socket.renew();
      },
      onDown: () => {
        if (!this.#wasOpened) void this.#explain(chatId);
        this.#wasOpened = false;
      },
    });
  }

  get #heartbeat(): Heartbeat {
    const { deadAfterMs = Infinity, heartbeatMs = Infinity } = this.#options;
    const dead = Math.min(deadAfterMs, this.#leaseMs * deadAfterPart);
    return { deadAfterMs: dead, heartbeatMs: Math.min(heartbeatMs, dead / 3) };
  }

  /** A lease of this length depends on the link from now on: the link notices its death in less than a third of it. */
  expectLease(leaseMs: number): void {
    this.#leaseMs = Math.min(this.#leaseMs, leaseMs);
  }

  /** Asks the object. @throws ChatTransportError what it answers, or `provider-failed` when it does not. */
  call(id: string, call: LogCall, args: readonly unknown[], { waitMs = 0, signal }: WaitOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const question = { id, call, args };
      const { url, callTimeoutMs } = this.#options;
      const text = JSON.stringify(question);
      if (text.length > maxInboundBytes / 3) {
        const bytes = encoder.encode(text).length;
        if (bytes > maxInboundBytes) return reject(tooLarge(call, bytes));
      }
      const settle: OpenCall['settle'] = (answer) => {
        this.#calls.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#rest();
        if (!answer) reject(signal?.aborted ? signal.reason : failed(`${url} did not answer in time.`));
        else if (answer instanceof Error) reject(answer);
        else if ('error' in answer) reject(new ChatTransportError(answer.error));
        else resolve(answer.answer);
      };
      const onAbort = (): void => {
        this.#abort(id);
        settle();
      };
      const timer = setTimeout(() => {
        this.#socket.test();
        settle();
      }, callTimeoutMs + waitMs);
      signal?.addEventListener('abort', onAbort);
      clearTimeout(this.#timer);
      this.#calls.set(id, { question, text, settle });
      this.#socket.send(text);
    });
  }

  /** Lets waiting calls look once more, and the others come to their end. */
  async finish(): Promise<void> {
    for (const call of this.#calls.values()) {
      const { id, args } = call.question;
      const wait = args.at(-1) as WaitOptions | undefined;
      if (!wait?.waitMs) continue;
      this.#abort(id);
      call.question = { ...call.question, args: [...args.slice(0, -1), { ...wait, waitMs: 0 }] };
      call.text = JSON.stringify(call.question);
      this.#socket.send(call.text);
    }
    if (this.#calls.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Closes the socket. What is still open fails. */
  close(): void {
    for (const { settle } of this.#calls.values()) settle();
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  /**
   * Ends the calls where the Worker refuses this server's tickets. In all other cases they wait for the next attempt.
   */
  async #explain(chatId: string): Promise<void> {
    if (this.#explaining || this.#calls.size === 0) return;
    this.#explaining = true;
    const { url, tickets } = this.#options;
    try {
      const ticket = await tickets.sign({ chatId, may: ['log'] });
      const error = await explainRefusal(url, chatId, ticket);
      if (error.code !== 'unauthorized') return;
      const refusal = failed(`${url} refuses this server: ${error.message}`);
      for (const { settle } of this.#calls.values()) settle(refusal);
    } finally {
      this.#explaining = false;
    }
  }

  #rest(): void {
    clearTimeout(this.#timer);
    if (this.#calls.size > 0) return;
    this.#onEmpty();
    this.#timer = setTimeout(this.#onIdle, this.#options.lingerMs);
  }

  #abort(id: string): void {
    this.#socket.send(JSON.stringify({ id, abort: true } satisfies LogQuestion));
  }
}

function tooLarge(call: LogCall, bytes: number): ChatTransportError {
  const message = `\`${call}\` has ${bytes} bytes; a Durable Object receives at most ${maxInboundBytes} in one message.`;
  return new ChatTransportError({ code: 'too-large', message });
}

/** A call that cannot be answered. */
export function failed(message: string, retryable = true): ChatTransportError {
  return new ChatTransportError({ code: 'provider-failed', message, retryable });
}
