import { systemClock } from '@chat-transport/core';
import { type ChatTokens, ChatTransportError, type WaitOptions } from '@chat-transport/core/provider';
import { type ChatSocket, openChatSocket } from '../chat-socket.ts';
import type { LogAnswer, LogCall, LogQuestion } from '../socket-wire.ts';

/** What the links of one log share; see `PartykitServerOptions`. */
export interface LinkOptions {
  readonly url: string;
  readonly tickets: ChatTokens;
  readonly heartbeatMs: number;
  readonly deadAfterMs: number;
  readonly callTimeoutMs: number;
  readonly lingerMs: number;
  readonly webSocket?: unknown;
}

interface OpenCall {
  question: Extract<LogQuestion, { call: LogCall }>;
  readonly settle: (answer?: LogAnswer) => void;
}

/** One chat's socket to its object, and the calls that wait for their answers. A lost socket comes back, and the calls are asked again. */
export class ChatLink {
  readonly #options: LinkOptions;
  readonly #socket: ChatSocket;
  readonly #calls = new Map<string, OpenCall>();
  readonly #onIdle: () => void;
  #onEmpty: () => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `onIdle` is called when nothing has used the link for a while. */
  constructor(chatId: string, options: LinkOptions, onIdle: () => void) {
    this.#options = options;
    this.#onIdle = onIdle;
    this.#socket = openChatSocket({
      ...options,
      chatId,
      clock: systemClock,
      query: async () => ({ ticket: await options.tickets.sign({ chatId, may: ['log'] }) }),
      onOpen: () => {
        for (const { question } of this.#calls.values()) this.#send(question);
      },
      onMessage: (data) => {
        const answer = JSON.parse(data) as LogAnswer;
        this.#calls.get(answer.id)?.settle(answer);
      },
      onDown: () => {},
    });
  }

  /** Asks the object. @throws ChatTransportError what it answers, or `provider-failed` when it does not. */
  call(id: string, call: LogCall, args: readonly unknown[], { waitMs = 0, signal }: WaitOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const { url, callTimeoutMs } = this.#options;
      const settle = (answer?: LogAnswer): void => {
        this.#calls.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#rest();
        if (!answer)
          reject(signal?.aborted ? signal.reason : failed(`${url} did not answer in time. Is the secret the same?`));
        else if ('error' in answer) reject(new ChatTransportError(answer.error));
        else resolve(answer.answer);
      };
      const onAbort = (): void => {
        this.#send({ id, abort: true });
        settle();
      };
      const timer = setTimeout(settle, callTimeoutMs + waitMs);
      signal?.addEventListener('abort', onAbort);
      clearTimeout(this.#timer);
      const question = { id, call, args };
      this.#calls.set(id, { question, settle });
      this.#send(question);
    });
  }

  /** Lets waiting calls look once more, and the others come to their end. */
  async finish(): Promise<void> {
    for (const call of this.#calls.values()) {
      const { id, args } = call.question;
      const wait = args.at(-1) as WaitOptions | undefined;
      if (!wait?.waitMs) continue;
      this.#send({ id, abort: true });
      call.question = { ...call.question, args: [...args.slice(0, -1), { ...wait, waitMs: 0 }] };
      this.#send(call.question);
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

  #rest(): void {
    clearTimeout(this.#timer);
    if (this.#calls.size > 0) return;
    this.#onEmpty();
    this.#timer = setTimeout(this.#onIdle, this.#options.lingerMs);
  }

  #send(question: LogQuestion): void {
    this.#socket.send(JSON.stringify(question));
  }
}

/** A call that cannot be answered. */
export function failed(message: string, retryable = true): ChatTransportError {
  return new ChatTransportError({ code: 'provider-failed', message, retryable });
}
