import { ChatTransportError, type RunLog } from '@chat-transport/core/provider';
import type { LogAnswer, LogCall, LogQuestion } from '../socket-wire.ts';

const calls: readonly LogCall[] = [
  'begin',
  'append',
  'renew',
  'settle',
  'waitForCommand',
  'takeOver',
  'release',
  'end',
  'read',
  'state',
  'command',
  'claim',
  'unfinished',
  'receipt',
  'snapshot',
  'saveSnapshot',
  'deleteChat',
  'revoke',
  'revocations',
];
/** The calls whose last argument has the options of a waiting call. */
const waiting: readonly LogCall[] = ['waitForCommand', 'read', 'state', 'receipt', 'revocations'];

/** Answers the log's calls that come over sockets. */
export class LogDesk {
  readonly #log: RunLog;
  readonly #chatId: string;
  readonly #open = new Map<string, AbortController>();

  constructor(log: RunLog, chatId: string) {
    this.#log = log;
    this.#chatId = chatId;
  }

  /** Answers one question, through `send`. */
  async ask(text: string, send: (answer: LogAnswer) => void): Promise<void> {
    const question = JSON.parse(text) as LogQuestion;
    const { id } = question;
    if ('abort' in question) return this.#open.get(id)?.abort();
    const controller = new AbortController();
    this.#open.set(id, controller);
    try {
      const answer = await this.#answer(question, controller.signal);
      if (!controller.signal.aborted) send({ id, answer });
    } catch (error) {
      if (controller.signal.aborted) return;
      const known = ChatTransportError.isInstance(error);
      const { code, message, retryable } = known ? error : unknownFailure;
      send({ id, error: { code, message, retryable } });
    } finally {
      if (this.#open.get(id) === controller) this.#open.delete(id);
    }
  }

  /** Nobody is left who could be answered. */
  close(): void {
    for (const controller of this.#open.values()) controller.abort();
    this.#open.clear();
  }

  #answer({ call, args }: Extract<LogQuestion, { call: LogCall }>, signal: AbortSignal): Promise<unknown> {
    if (!calls.includes(call)) throw protocol(`The log has no call ${call}.`);
    const [key] = args as [string | { readonly chatId: string }];
    if (call !== 'unfinished' && (typeof key === 'string' ? key : key.chatId) !== this.#chatId) {
      throw protocol('This object has another chat.');
    }
    const parameters = waiting.includes(call) ? [...args.slice(0, -1), { ...(args.at(-1) as object), signal }] : args;
    return (this.#log[call] as (...args: readonly unknown[]) => Promise<unknown>)(...parameters);
  }
}

const unknownFailure = { code: 'provider-failed', message: 'The log failed.', retryable: true } as const;

function protocol(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'protocol', message });
}
