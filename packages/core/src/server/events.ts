import type { EndReason } from '../wire/frame.ts';

/** What the server half reports to `onEvent`. Nothing here needs an answer: it has been dealt with. */
export type ServerEvent =
  | { readonly type: 'run-started'; readonly chatId: string; readonly runId: string; readonly turn: number }
  | {
      readonly type: 'run-ended';
      readonly chatId: string;
      readonly runId: string;
      readonly turn: number;
      readonly reason: EndReason;
    }
  /** Another writer goes on with a run whose writer stopped. `attempt` is the new one's. */
  | { readonly type: 'run-continued'; readonly chatId: string; readonly runId: string; readonly attempt: number }
  /** This process no longer writes the run, which waits for another writer: it was handed over, or the lease expired. */
  | { readonly type: 'run-interrupted'; readonly chatId: string; readonly runId: string; readonly attempt: number }
  /** `continueRun` failed. Whoever reads the chat next goes on with the run. */
  | {
      readonly type: 'continue-failed';
      readonly chatId: string;
      readonly runId: string;
      readonly attempt: number;
      readonly error: unknown;
    }
  /** A tool ran, or was about to run, when its writer stopped. It was not run again, and the model receives an error in place of its output. */
  | {
      readonly type: 'tool-effect-unknown';
      readonly chatId: string;
      readonly runId: string;
      readonly toolCallId: string;
      readonly toolName: string;
    }
  /** A run was continued `maxContinuations` times and has lost its writer again: it ended as `lost`. */
  | {
      readonly type: 'continuation-exhausted';
      readonly chatId: string;
      readonly runId: string;
      readonly attempt: number;
    }
  /** A send waits for its chat, with `onBusy: 'queue'`. */
  | { readonly type: 'send-queued'; readonly chatId: string; readonly runId: string }
  /** `respond` threw, its stream failed, or it gave something that is no chunk. The run ended as `error`. */
  | { readonly type: 'respond-failed'; readonly chatId: string; readonly runId: string; readonly error: unknown }
  /** `onFinish` threw. `sweep` tries again. */
  | { readonly type: 'finish-failed'; readonly chatId: string; readonly runId: string; readonly error: unknown }
  /** A publish failed or was given up. Readers fetch the frame from the log. */
  | { readonly type: 'publish-failed'; readonly chatId: string; readonly error: unknown }
  /** The log did not answer. */
  | { readonly type: 'log-failed'; readonly chatId: string; readonly operation: string; readonly error: unknown }
  /** A steer could not be handed to the run. */
  | { readonly type: 'steer-failed'; readonly chatId: string; readonly runId: string; readonly error: unknown }
  /** `authorize`, `loadMessages`, or something that was not foreseen threw while a request was answered. */
  | { readonly type: 'request-failed'; readonly error: unknown };
