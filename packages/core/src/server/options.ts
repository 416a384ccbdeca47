import { generateId } from '@ai-sdk/provider-utils';
import type {
  Experimental_Steering as Steering,
  StopCondition,
  safeValidateUIMessages,
  Tool,
  ToolSet,
  UIMessage,
  UIMessageChunk,
} from 'ai';
import { type Clock, systemClock } from '../clock.ts';
import { ChatTransportError } from '../errors.ts';
import type { RunLog } from '../log/run-log.ts';
import type { PublishLimits, RealtimeServer } from '../provider/realtime-server.ts';
import type { EndReason } from '../wire/frame.ts';
import { unfinishedToolText } from '../wire/unfinished-calls.ts';
import type { ServerEvent } from './events.ts';
import { askItself } from './run/ask-itself.ts';
import { type ContinueRequest, type ContinueTokens, createContinueTokens } from './run/continue-token.ts';

/** The default of `leaseMs`: how long a run outlives its silent writer, in milliseconds. */
export const defaultLeaseMs = 15_000;
/** The default of `renewEveryMs`: how often a writer renews its lease, in milliseconds. */
export const defaultRenewEveryMs = 5000;
/** The default of `maxContinuations`. */
export const defaultMaxContinuations = 3;
/** The default of `takeOverMs`: how long an interrupted run waits for its next writer, in milliseconds. */
export const defaultTakeOverMs = 60_000;
/** The default of `reauthorizeMs`: how often `authorize` is asked about a connection that stays open, in milliseconds. */
export const defaultReauthorizeMs = 60_000;
/** The default of `maxStreamsPerUser`. */
export const defaultMaxStreamsPerUser = 256;
/** The default of `idleMs`: how long a model may say nothing, in milliseconds. */
export const defaultIdleMs = 300_000;
/** How long `onFinish` may hold back a run's end, in milliseconds. It goes on running after that. */
export const finishTimeoutMs = 10_000;
/** How many sends may wait for a busy chat with `onBusy: 'queue'`. One more is answered `busy`. */
export const maxQueuedSends = 16;
/** What a run is coalesced by where there is no realtime service: frames as soon as the last append is done, of at most 64 KiB. */
export const httpOnlyLimits: PublishLimits = { maxMessageBytes: 65_536, flushIntervalMs: 0 };

/** What `respond` gets. */
export interface RespondInput<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly chatId: string;
  readonly runId: string;
  readonly turn: number;
  /** The id of the assistant message that this run writes. The stream's own `start` chunk is corrected to it. */
  readonly messageId: string;
  /**
   * The conversation to answer. Where the run goes on with an assistant message (tool outputs, approvals), that message is the last one: what came
   * behind an earlier one is left out.
   */
  readonly messages: UI_MESSAGE[];
  /** The new user message, where there is one. */
  readonly message?: UI_MESSAGE;
  readonly trigger: 'submit-message' | 'regenerate-message';
  /** Aborts when the run is over: cancelled, at its deadline, or lost. */
  readonly signal: AbortSignal;
  /** Pass it to `streamText` as `experimental_steering`, and messages that are sent meanwhile reach the run. */
  readonly steering: Steering;
  /** Says that the model or a tool works on, although no chunk comes: the time of `idleMs` begins again. */
  readonly keepAlive: () => void;
  /**
   * Resolves once the call is in the log. Pass it to `streamText`, so that no tool runs of which the next writer would not know:
   * `onToolExecutionStart: ({ toolCall }) => beforeTool(toolCall.toolCallId)`.
   */
  readonly beforeTool: (toolCallId: string) => Promise<void>;
  /**
   * A key for what a tool does, so that a service that is asked twice does it once: `await toolKey(toolCallId)` in `execute`. It is made of the run, the
   * step and the call's place in the step, and stays the same where another writer runs the step or the call again; call ids do not. It waits as
   * `beforeTool` does.
   */
  readonly toolKey: (toolCallId: string) => Promise<string>;
  /**
   * Makes a stop condition for `streamText` that counts the steps of earlier writers too: `stopWhen: stopWhen(isStepCount(20))`. At `softDeadlineMs` it
   * stops the model between two steps, so that no call of the model is begun in vain.
   */
  readonly stopWhen: <TOOLS extends ToolSet, CONTEXT extends Record<string, unknown>>(
    ...conditions: StopCondition<TOOLS, CONTEXT>[]
  ) => StopCondition<TOOLS, CONTEXT>;
  /** Set where another writer has begun the run. `messages` then ends with what it has written, where there is something to go on from. */
  readonly continuation?: Continuation<UI_MESSAGE>;
  /** What the app added to the request's body. */
  readonly body: Readonly<Record<string, unknown>>;
  /** What `authorize` answered. */
  readonly userId?: string;
  /** The HTTP request; its body has been read. Absent for runs that a server started. */
  readonly request?: Request;
}

/** What `respond` goes on from. */
export interface Continuation<UI_MESSAGE extends UIMessage = UIMessage> {
  /** Which of the run's writers this one is: 2 or more. */
  readonly attempt: number;
  /** `handed-over`: the writer before gave the run up, at a deadline or because its process closed. `stopped`: it died, or could not reach the log. */
  readonly reason: 'handed-over' | 'stopped';
  /** How many steps earlier writers have finished. `stopWhen` counts them. */
  readonly steps: number;
  /**
   * Where the run goes on. `fresh`: in front of its first step. `boundary`: between two steps. `reset`: in a step that runs again, because no call of it
   * was complete. `seal`: behind a step that was closed, because calls of it may have run.
   */
  readonly resumed: 'fresh' | 'boundary' | 'reset' | 'seal';
  /** The answer as the model sees it. */
  readonly message?: UI_MESSAGE;
}

/** What `respond` answers: the chunks of one assistant message, as `toUIMessageStream` makes them. */
export type RespondOutput = ReadableStream<UIMessageChunk> | AsyncIterable<UIMessageChunk>;

/** What `onFinish` gets. */
export interface FinishInput<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly chatId: string;
  /** The key to save by: the same run may be reported more than once. */
  readonly runId: string;
  readonly turn: number;
  /** The conversation with the run's answer, as far as it came; of a run that others have followed, the conversation as it is now. */
  readonly messages: UI_MESSAGE[];
  readonly outcome: EndReason;
  /** How many writers the run had: 1, unless it was continued. */
  readonly attempt: number;
  /**
   * How many connections to this process show the chat: with 0 nobody watches here, and a notification may be due. Connections to other processes do
   * not count. `undefined` where the realtime service holds the connections and this process cannot know.
   */
  readonly watchers: number | undefined;
}

type ValidationOptions = Parameters<typeof safeValidateUIMessages>[0];

/** The options of `createChatRuntime`. */
export interface ChatRuntimeOptions<UI_MESSAGE extends UIMessage = UIMessage> {
  /** The realtime service. Without one, clients use HTTP alone. */
  readonly realtime?: RealtimeServer | undefined;
  /** The record of runs. Required, unless the realtime service is a log itself. */
  readonly log?: RunLog | undefined;
  /** Makes the answer. What it throws ends the run as `error`. */
  readonly respond: (input: RespondInput<UI_MESSAGE>) => RespondOutput | PromiseLike<RespondOutput>;
  /**
   * Saves a conversation, for every way a run can end. At least once per run, in any process; awaited for at most
   * `finishTimeoutMs` before the run's end is reported. A failure is reported to `onEvent` and tried again by `sweep`.
   */
  readonly onFinish?: ((input: FinishInput<UI_MESSAGE>) => unknown) | undefined;
  /** The app's own history of a chat. Where given, it is the authority, and clients may send only their new message. */
  readonly loadMessages?: ((chatId: string) => UI_MESSAGE[] | PromiseLike<UI_MESSAGE[]>) | undefined;
  /** What a send does while a run is active: refused, in its place, or after it. @default 'reject' */
  readonly onBusy?: 'reject' | 'interrupt' | 'queue' | undefined;
  /** How long a run may take, in milliseconds: the host's limit less the time to save. It then ends as `deadline` with what it has. */
  readonly deadlineMs?: number | undefined;
  /**
   * How long a run may take before it is handed over at the next boundary between two steps, in milliseconds, with `onInterrupted: 'continue'`. Give it
   * less than `deadlineMs`, at which a step that is under way is cut. Without it every hand-over is at `deadlineMs`.
   */
  readonly softDeadlineMs?: number | undefined;
  /**
   * How long the model may give no chunk, in milliseconds: then the run ends as `error`, with what it has. A tool that takes longer calls
   * `keepAlive()`, which `respond` gets. Without an end, a model that hangs would keep its chat busy for ever. @default defaultIdleMs
   */
  readonly idleMs?: number | undefined;
  /**
   * What becomes of a run whose process stops: it ends with what it has (`end`), or another process goes on with it (`continue`), under the same
   * run and message. `continue` needs `tools`, to know which calls wait for a client. See docs/hand-over.md. @default 'end'
   */
  readonly onInterrupted?: 'end' | 'continue' | undefined;
  /** How often a run is continued at most. Absolute: what it writes does not count. @default defaultMaxContinuations */
  readonly maxContinuations?: number | undefined;
  /**
   * Asks another process to go on with a run: put the request into a queue whose worker calls `runtime.continueRun(request)`. Called by a writer that hands its
   * run over, and by a process that finds a run without a writer; where it throws, the next process that reads the chat goes on with it.
   * @default with `continueSecret`, a signed `POST {continueUrl}/{chatId}/continue`; else the process that finds the run goes on with it itself
   */
  readonly continueRun?: ((request: ContinueRequest) => unknown) | undefined;
  /** Signs the requests of this app to itself, at least 32 bytes: the same in all processes. Without it the route `continue` does not exist. */
  readonly continueSecret?: string | Uint8Array | undefined;
  /**
   * Where the routes of this app are, as the app itself reaches them: `https://example.com/api/chat`. Not taken from requests, whose host anybody may set.
   * Goes with `continueSecret`.
   */
  readonly continueUrl?: string | undefined;
  /**
   * The names of tools that may run twice, such as a search. A call of one that was in flight when its writer stopped runs again, by the `execute` of
   * `tools`; the effect of any other one counts as unknown. @default []
   */
  readonly retryTools?: readonly string[] | undefined;
  /** Sends the request to `continueUrl`. @default the platform's */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** How long an interrupted run waits for its next writer before it is lost, in milliseconds. @default defaultTakeOverMs */
  readonly takeOverMs?: number | undefined;
  /**
   * Says that `respond` passes `beforeTool` to the model. Without it a run that has called tools of the server is not continued: it ends as `lost`,
   * because a tool could run twice. @default false
   */
  readonly toolBarrier?: boolean | undefined;
  /**
   * How often `authorize` is asked again about a stream that stays open, in milliseconds; a stream that it refuses ends.
   * `runtime.revoke` does it at once. @default defaultReauthorizeMs
   */
  readonly reauthorizeMs?: number | undefined;
  /**
   * How many streams and long-polls one user may have open in this process, where `authorize` names the user. One more is refused as
   * `rate-limited`. @default defaultMaxStreamsPerUser
   */
  readonly maxStreamsPerUser?: number | undefined;
  /** Keeps a serverless function alive until a run is over, e.g. `waitUntil` of `@vercel/functions`. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** @default defaultLeaseMs */
  readonly leaseMs?: number | undefined;
  /** @default defaultRenewEveryMs */
  readonly renewEveryMs?: number | undefined;
  /** The text of a failed run's `error` chunk, which clients see. @default 'An error occurred.', so that nothing leaks */
  readonly onError?: ((error: unknown) => string) | undefined;
  /**
   * The error text of tool calls without an output in a run that fails or comes to its deadline. Of a run that was cancelled or lost, nobody can
   * write any more: there every reader shows the default.
   * @default unfinishedToolText
   */
  readonly unfinishedToolText?: string | undefined;
  /** Hears of everything that went wrong and was dealt with. */
  readonly onEvent?: ((event: ServerEvent) => void) | undefined;
  /** Makes run and message ids; they must match the id pattern. @default the AI SDK's */
  readonly generateId?: (() => string) | undefined;
  /** Checks tool inputs and outputs in messages that clients send, as `validateUIMessages` does. */
  readonly tools?: { readonly [name: string]: Tool } | undefined;
  /** Checks data parts in messages that clients send, as `validateUIMessages` does. */
  readonly dataPartSchemas?: ValidationOptions['dataSchemas'] | undefined;
  /** Checks metadata of messages that clients send, as `validateUIMessages` does. */
  readonly metadataSchema?: ValidationOptions['metadataSchema'] | undefined;
  /** Time and timers. @default the platform's */
  readonly clock?: Clock | undefined;
}

/** The options with every default in its place. */
export interface ResolvedOptions extends Omit<ChatRuntimeOptions, 'log' | 'clock'> {
  readonly log: RunLog;
  readonly clock: Clock;
  readonly limits: PublishLimits;
  readonly onBusy: 'reject' | 'interrupt' | 'queue';
  readonly leaseMs: number;
  readonly renewEveryMs: number;
  readonly onInterrupted: 'end' | 'continue';
  readonly maxContinuations: number;
  readonly takeOverMs: number;
  readonly toolBarrier: boolean;
  readonly retryTools: readonly string[];
  /** Checks requests to continue a run; absent without a secret. */
  readonly continueTokens: ContinueTokens | undefined;
  readonly idleMs: number;
  readonly reauthorizeMs: number;
  readonly maxStreamsPerUser: number;
  readonly onError: (error: unknown) => string;
  readonly unfinishedToolText: string;
  readonly generateId: () => string;
  readonly emit: (event: ServerEvent) => void;
}

/** Fills in the defaults. @throws ChatTransportError `misconfigured` when there is no log or no `respond`. */
export function resolveOptions(options: ChatRuntimeOptions): ResolvedOptions {
  const log = options.log ?? options.realtime?.log;
  if (!log)
    throw misuse('Pass `log`, for example memoryLog() or sqliteLog({ path }): this realtime service keeps none.');
  if (typeof options.respond !== 'function') throw misuse('Pass `respond`, the function that makes the answer.');
  const { onEvent, onInterrupted = 'end' } = options;
  if (onInterrupted === 'continue' && !options.tools) {
    throw misuse("Pass `tools` with onInterrupted: 'continue', for example {} where the model has none.");
  }
  const clock = options.clock ?? systemClock;
  return {
    ...options,
    ...continuingOf(options, clock),
    log,
    clock,
    limits: options.realtime?.limits ?? httpOnlyLimits,
    onBusy: options.onBusy ?? 'reject',
    leaseMs: options.leaseMs ?? defaultLeaseMs,
    renewEveryMs: options.renewEveryMs ?? defaultRenewEveryMs,
    onInterrupted,
    maxContinuations: options.maxContinuations ?? defaultMaxContinuations,
    takeOverMs: onInterrupted === 'continue' ? (options.takeOverMs ?? defaultTakeOverMs) : 0,
    toolBarrier: options.toolBarrier ?? false,
    retryTools: options.retryTools ?? [],
    idleMs: options.idleMs ?? defaultIdleMs,
    reauthorizeMs: options.reauthorizeMs ?? defaultReauthorizeMs,
    maxStreamsPerUser: options.maxStreamsPerUser ?? defaultMaxStreamsPerUser,
    onError: options.onError ?? (() => 'An error occurred.'),
    unfinishedToolText: options.unfinishedToolText ?? unfinishedToolText,
    generateId: options.generateId ?? generateId,
    emit(event) {
      try {
        onEvent?.(event);
      } catch {
        // A listener's failure is its own: it may not end runs.
      }
    },
  };
}

/** How this process asks another one to go on with a run, and checks that it is asked so itself. */
function continuingOf(
  { onInterrupted, continueRun, continueSecret, continueUrl, fetch }: ChatRuntimeOptions,
  clock: Clock,
): Pick<ResolvedOptions, 'continueRun' | 'continueTokens'> {
  if (continueSecret === undefined && continueUrl === undefined) return { continueRun, continueTokens: undefined };
  if (onInterrupted !== 'continue' || continueSecret === undefined || continueUrl === undefined) {
    throw misuse("Pass `continueSecret` and `continueUrl` together, with onInterrupted: 'continue'.");
  }
  const continueTokens = createContinueTokens(continueSecret);
  return { continueTokens, continueRun: continueRun ?? askItself(continueUrl, continueTokens, { clock, fetch }) };
}

/** An error for options that cannot work; thrown at creation. */
export function misuse(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'misconfigured', message });
}
