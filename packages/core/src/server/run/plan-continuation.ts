import { isExecutableTool } from '@ai-sdk/provider-utils';
import type { UIMessage, UIMessageChunk } from 'ai';
import type { EndReason } from '../../wire/frame.ts';
import type { ChatRuntimeOptions } from '../options.ts';
import { type OpenText, type RunTrace, type TracedCall, traceRun } from './trace-run.ts';

/** The error text of a tool call that ran while its writer stopped. */
export const effectUnknownText =
  'The process stopped while this call ran. Its effect is unknown. It was not run again.';
/** The error text of a tool call whose input was cut off. */
export const inputCutText = 'The call was cut off before its input was complete.';

/** What the planner knows of a run that has no writer. */
export interface InterruptedRun {
  /** All chunks that the log has, as they are: neither merged nor compacted. */
  readonly chunks: readonly UIMessageChunk[];
  /** The message that the run continues. */
  readonly continued?: UIMessage | undefined;
  /** Whether the server runs a tool. Every other call, dynamic ones aside, waits for a client. */
  readonly isServerTool: (toolName: string) => boolean;
  /** Whether a tool may run again. */
  readonly mayRunAgain: (toolName: string) => boolean;
  /** Whether no tool has run before its call was in the log. */
  readonly hasBarrier: boolean;
}

/**
 * What a run's next writer does: it appends `append`, runs the calls of `again` and appends their outputs, and appends `close`. Then it ends the run
 * as `end`, or calls `respond` and writes what comes of it.
 */
export interface ContinuationPlan {
  /**
   * Where the log ends. `fresh`: in front of the first step. `boundary`: between two steps. `reset`: in a step that runs again. `seal`: in a step
   * whose calls may have run. `waiting`: the next step needs a client. `finished`: only the end is missing. `complete`: nothing is. `impossible`: it cannot be continued.
   */
  readonly kind: 'fresh' | 'boundary' | 'reset' | 'seal' | 'waiting' | 'finished' | 'complete' | 'impossible';
  readonly append: readonly UIMessageChunk[];
  readonly again: readonly TracedCall[];
  readonly close: readonly UIMessageChunk[];
  /** How the run ends, without another call of the model. */
  readonly end?: EndReason;
  /** What of the answer the model sees: the first chunks of the log, or all that is there behind `close`; absent: nothing, only the history. */
  readonly seen?: number | 'all';
  /** Whether the step that the model sees last was cut: what its provider has stored of it may be missing there. */
  readonly isCut: boolean;
  /** The new stream's `start` is left out: the message has one. */
  readonly dropStart: boolean;
  /** The new stream's first `start-step` is left out: the step that runs again has one. */
  readonly dropStartStep: boolean;
  /** How many steps are finished. */
  readonly steps: number;
  /** The steers that are a part of the message: they were delivered. */
  readonly steers: readonly string[];
  /** The calls whose effect nobody knows. */
  readonly unknown: readonly TracedCall[];
}

/**
 * Decides how a run goes on whose writer has stopped. Pure. The table is in docs/hand-over.md; it is decided from chunks, because a fold drops
 * an empty last step.
 */
export function planContinuation(run: InterruptedRun): ContinuationPlan {
  const { chunks, continued } = run;
  const trace = traceRun(chunks, continued);
  const plan = whatIsLeft(run, trace);
  const callsServer = trace.calls.some((call) => call.state !== 'approved' && isServers(run, call));
  // Without the barrier a tool may have run whose call is not in the log: another call of the model could run it twice.
  if (plan.end === undefined && callsServer && !run.hasBarrier) return ended(trace, 'impossible', 'lost');
  return plan;
}

function whatIsLeft(run: InterruptedRun, trace: RunTrace): ContinuationPlan {
  const { openStepAt, stepCalls, steps } = trace;
  if (trace.closedBy) return ended(trace, 'complete', endReasons[trace.closedBy]);
  if (trace.hasLooseContent) return ended(trace, 'impossible', 'lost');

  const complete = stepCalls.filter(({ state }) => state !== 'streaming');
  if (openStepAt === undefined && steps === 0) return beforeSteps(run, trace);
  if (openStepAt !== undefined && complete.length === 0) {
    const append: UIMessageChunk[] = trace.isStepShown ? [{ type: 'reset-step' }] : [];
    return { ...going(trace, 'reset'), append, seen: openStepAt, dropStartStep: true };
  }

  const isOpen = openStepAt !== undefined;
  const { append, again, unknown } = seal(run, trace);
  const close: UIMessageChunk[] = isOpen ? [{ type: 'finish-step' }] : [];
  const parts = { append, again, unknown, close, steps: steps + (isOpen ? 1 : 0) };
  if (stepCalls.some((call) => waits(run, call))) {
    const finish: UIMessageChunk = { type: 'finish', finishReason: 'tool-calls' };
    return { ...ended(trace, 'waiting', 'finish'), ...parts, close: [...close, finish] };
  }
  if (!isOpen && complete.length === 0 && !trace.isSteered) {
    return { ...ended(trace, 'finished', 'finish'), ...parts, close: [{ type: 'finish' }] };
  }
  return {
    ...going(trace, isOpen ? 'seal' : 'boundary'),
    ...parts,
    seen: 'all',
    isCut: isOpen,
  };
}

/** In front of the first step there is nothing but calls that a user has approved, and what `respond` itself has written. */
function beforeSteps(run: InterruptedRun, trace: RunTrace): ContinuationPlan {
  const { append, again, unknown } = seal(run, trace);
  const hasRun = trace.calls.some(({ state }) => state !== 'approved');
  return {
    ...going(trace, 'fresh'),
    ...{ append, again, unknown },
    ...((hasRun || trace.isSteered) && { seen: 'all' as const }),
  };
}

/** Closes what the writer left open, with chunks that every version of the AI SDK understands. Finished outputs stay. */
function seal(
  run: InterruptedRun,
  trace: RunTrace,
): { append: UIMessageChunk[]; again: TracedCall[]; unknown: TracedCall[] } {
  const inFlight = trace.stepCalls.filter((call) => isInFlight(run, call));
  const again = inFlight.filter(({ toolName }) => run.mayRunAgain(toolName) && run.isServerTool(toolName));
  const unknown = inFlight.filter((call) => !again.includes(call));
  const cut = trace.stepCalls.filter(({ state }) => state === 'streaming');
  const append: UIMessageChunk[] = [
    ...trace.openTexts.map(textEnd),
    ...cut.map(({ toolCallId, toolName, dynamic }) => ({
      ...{ type: 'tool-input-error' as const, toolCallId, toolName, input: {}, errorText: inputCutText },
      ...(dynamic && { dynamic }),
    })),
    ...unknown.map(({ toolCallId }) => ({
      ...{ type: 'tool-output-error' as const, toolCallId, errorText: effectUnknownText },
    })),
  ];
  return { append, again, unknown };
}

function textEnd({ kind, id, providerMetadata }: OpenText): UIMessageChunk {
  const stripped = providerMetadata && withoutItemIds(providerMetadata);
  return { type: `${kind}-end`, id, ...(stripped && { providerMetadata: stripped as never }) };
}

/**
 * Provider metadata without ids of items that the provider has not stored: it refuses them later, because the response was interrupted. Signatures stay.
 * `undefined` where there are none.
 * @source https://github.com/vercel/ai/issues/10638 (read 2026-11-28)
 */
export function withoutItemIds<T extends Record<string, Record<string, unknown>>>(metadata: T): T | undefined {
  const entries = Object.entries(metadata);
  if (!entries.some(([, fields]) => 'itemId' in fields)) return;
  return Object.fromEntries(entries.map(([provider, { itemId: _, ...fields }]) => [provider, fields])) as T;
}

/** Whether the server runs a tool of this name. */
export function isServerTool({ tools = {} }: Pick<ChatRuntimeOptions, 'tools'>): (toolName: string) => boolean {
  return (toolName) => Object.hasOwn(tools, toolName) && isExecutableTool(tools[toolName]);
}

function isServers(run: InterruptedRun, { toolName, dynamic }: TracedCall): boolean {
  return dynamic || run.isServerTool(toolName);
}

function isInFlight(run: InterruptedRun, call: TracedCall): boolean {
  return call.state === 'preliminary' || (call.state === 'called' && isServers(run, call));
}

function waits(run: InterruptedRun, call: TracedCall): boolean {
  return call.state === 'asked' || (call.state === 'called' && !isServers(run, call));
}

const endReasons = { finish: 'finish', abort: 'cancel', error: 'error' } as const;

function ended(trace: RunTrace, kind: ContinuationPlan['kind'], end: EndReason): ContinuationPlan {
  return { ...going(trace, kind), end };
}

function going({ begun, steps, steers }: RunTrace, kind: ContinuationPlan['kind']): ContinuationPlan {
  const nothing = { append: [], again: [], close: [], unknown: [] };
  return { kind, ...nothing, isCut: false, dropStart: begun, dropStartStep: false, steps, steers };
}
