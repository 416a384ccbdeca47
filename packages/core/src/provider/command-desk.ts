import type { Clock } from '../clock.ts';
import { ChatTransportError, type ErrorCode } from '../errors.ts';
import type { CommandReceipt } from '../log/run-log.ts';

/** How long a command's receipt may take before core posts the command, in milliseconds. */
export const defaultCommandTimeoutMs = 2_000;

/** What a server answers to one command: its receipt, or its error. */
export type CommandAnswer =
  | { readonly receipt: CommandReceipt }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

/** The commands that wait for their receipts on one connection. */
export interface CommandDesk {
  /**
   * Sends one command and waits for its receipt. `write` gets the command's number (`ref`), which the answer carries, and answers false where
   * nothing can be sent now.
   * @throws ChatTransportError what the server answered, or `network` when it did not answer in time; the signal's reason after an abort.
   */
  send(write: (ref: number) => boolean, signal: AbortSignal): Promise<CommandReceipt>;
  /** Hands an answer to the command that waits for it. Unknown numbers are ignored: their command has timed out. */
  answer(ref: number, answer: CommandAnswer): void;
  /** Fails every waiting command as `network`: the connection is lost, so no answer can come. */
  fail(): void;
}

/** Numbers commands, matches receipts to them, and ends what waits for longer than `timeoutMs`. */
export function createCommandDesk(options: {
  readonly clock: Clock;
  /** @default defaultCommandTimeoutMs */
  readonly timeoutMs?: number | undefined;
}): CommandDesk {
  const { clock, timeoutMs = defaultCommandTimeoutMs } = options;
  const waiting = new Map<number, (answer?: CommandAnswer) => void>();
  let refs = 0;
  return {
    send: (write, signal) =>
      new Promise((resolve, reject) => {
        const ref = ++refs;
        const settle = (answer?: CommandAnswer): void => {
          waiting.delete(ref);
          clock.clearTimeout(timeout);
          signal.removeEventListener('abort', onAbort);
          if (answer && 'receipt' in answer) resolve(answer.receipt);
          else if (signal.aborted) reject(signal.reason);
          else reject(new ChatTransportError(answer?.error ?? unanswered));
        };
        const onAbort = (): void => settle();
        const timeout = clock.setTimeout(onAbort, timeoutMs);
        signal.addEventListener('abort', onAbort);
        waiting.set(ref, settle);
        if (signal.aborted || !write(ref)) settle();
      }),
    answer: (ref, answer) => waiting.get(ref)?.(answer),
    fail() {
      for (const settle of [...waiting.values()]) settle();
    },
  };
}

const unanswered = {
  code: 'network',
  message: 'The connection to the chat was lost before the command was confirmed.',
} as const;
