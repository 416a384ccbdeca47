import { isToolUIPart, type UIMessage, type UIMessageChunk } from 'ai';

/**
 * One tool call as the log has it. `streaming`: its input is not complete. `called`: complete, without an output. `asked`: it waits for an approval.
 * `approved`: the continued message says so, and no writer has noted that it runs. `preliminary`: its last output is not its final one.
 */
export interface TracedCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly dynamic: boolean;
  readonly state: 'streaming' | 'called' | 'asked' | 'approved' | 'preliminary' | 'answered';
  readonly input: unknown;
  /** Its step and its place in that step, from 0. A reset gives the places of its step again. */
  readonly step: number;
  readonly index: number;
}

/** A text or reasoning part that has no end yet. */
export interface OpenText {
  readonly kind: 'text' | 'reasoning';
  readonly id: string;
  readonly providerMetadata: Record<string, Record<string, unknown>> | undefined;
}

const partTypes = /^(text|reasoning|tool|source|data)-|^(file|custom)$/;

/** What a run's chunks say about how far it came, seen one by one. Decided from the chunks: a fold drops an empty last step. */
export class RunTrace {
  /** How the stream ended, where it did. */
  closedBy: 'finish' | 'abort' | 'error' | undefined;
  /** Whether there is any chunk. */
  begun = false;
  /** How many steps are finished. */
  steps = 0;
  /** Where the open step began, as a number of chunks; `undefined` between steps. */
  openStepAt: number | undefined;
  /** Whether the open step shows anything. */
  isStepShown = false;
  /** Whether the run has text or calls outside of every step, so that no reset can take them back. */
  hasLooseContent = false;
  /** Whether a steer came behind the last step's start. */
  isSteered = false;
  /** The ids of the steers that are a part of the message. */
  readonly steers: string[] = [];
  readonly #texts = new Map<string, OpenText>();
  readonly #calls = new Map<string, TracedCall>();
  readonly #approvals = new Map<string, string>();
  #length = 0;
  #begunSteps = 0;
  #places = 0;

  /** @param continued The message that the run continues. */
  constructor(continued?: UIMessage) {
    for (const part of continued?.parts ?? []) {
      if (!isToolUIPart(part)) continue;
      const { toolCallId, state, approval } = part;
      if (approval) this.#approvals.set(approval.id, toolCallId);
      if (state !== 'approval-responded' || !approval?.approved || part.providerExecuted) continue;
      const toolName = part.type === 'dynamic-tool' ? part.toolName : part.type.slice('tool-'.length);
      const dynamic = part.type === 'dynamic-tool';
      this.#calls.set(toolCallId, {
        ...{ toolCallId, toolName, dynamic, state: 'approved', input: part.input, step: 0 },
        index: this.#calls.size,
      });
    }
  }

  /** The text and reasoning parts that are open. */
  get openTexts(): readonly OpenText[] {
    return [...this.#texts.values()];
  }

  /** The calls of the newest step, those that the provider runs aside; before the first step, the approved ones. */
  get stepCalls(): readonly TracedCall[] {
    return [...this.#calls.values()].filter(({ step }) => step === this.#begunSteps);
  }

  /** All calls, those that the provider runs aside. */
  get calls(): readonly TracedCall[] {
    return [...this.#calls.values()];
  }

  call(toolCallId: string): TracedCall | undefined {
    return this.#calls.get(toolCallId);
  }

  /** The id of the approval by which a call of the continued message runs. */
  approvalOf(toolCallId: string): string | undefined {
    for (const [approvalId, id] of this.#approvals) if (id === toolCallId) return approvalId;
    return;
  }

  see(chunk: UIMessageChunk): void {
    this.begun = true;
    if (partTypes.test(chunk.type) && !('transient' in chunk && chunk.transient)) this.#show(chunk.type);
    this.#note(chunk);
    this.#length += 1;
  }

  #show(type: string): void {
    if (this.openStepAt !== undefined) this.isStepShown = true;
    else if (this.#begunSteps === 0 && /^(text|reasoning|tool-input)-/.test(type)) this.hasLooseContent = true;
  }

  #note(chunk: UIMessageChunk): void {
    switch (chunk.type) {
      case 'start-step':
        this.openStepAt = this.#length;
        this.isStepShown = false;
        this.isSteered = false;
        this.#begunSteps += 1;
        this.#places = 0;
        break;
      case 'finish-step':
        this.openStepAt = undefined;
        this.steps += 1;
        break;
      case 'reset-step':
        this.isStepShown = false;
        this.#places = 0;
        this.#texts.clear();
        for (const { toolCallId, step } of this.stepCalls) if (step > 0) this.#calls.delete(toolCallId);
        break;
      case 'finish':
      case 'abort':
      case 'error':
        this.closedBy = chunk.type;
        break;
      case 'steering-message':
        this.steers.push(chunk.id);
        this.isSteered = true;
        break;
      case 'text-start':
      case 'text-delta':
      case 'reasoning-start':
      case 'reasoning-delta':
        this.#noteText(chunk);
        break;
      case 'text-end':
      case 'reasoning-end':
        this.#texts.delete(`${chunk.type.split('-')[0]}:${chunk.id}`);
        break;
      default:
        if (chunk.type.startsWith('tool-')) this.#noteTool(chunk);
    }
  }

  #noteText(
    chunk: Extract<UIMessageChunk, { type: 'text-start' | 'text-delta' | 'reasoning-start' | 'reasoning-delta' }>,
  ) {
    const kind = chunk.type.startsWith('text') ? 'text' : 'reasoning';
    const key = `${kind}:${chunk.id}`;
    const providerMetadata = chunk.providerMetadata ?? this.#texts.get(key)?.providerMetadata;
    this.#texts.set(key, { kind, id: chunk.id, providerMetadata });
  }

  #noteTool(chunk: UIMessageChunk): void {
    switch (chunk.type) {
      case 'tool-input-start':
        if (!chunk.providerExecuted) this.#begin(chunk, 'streaming');
        break;
      case 'tool-input-available':
        if (chunk.providerExecuted) this.#calls.delete(chunk.toolCallId);
        else this.#begin(chunk, 'called', chunk.input);
        break;
      case 'tool-input-error':
        if (!chunk.providerExecuted) this.#begin(chunk, 'answered', chunk.input);
        break;
      case 'tool-output-available':
        this.#change(chunk.toolCallId, chunk.preliminary ? 'preliminary' : 'answered');
        break;
      case 'tool-output-error':
      case 'tool-output-denied':
        this.#change(chunk.toolCallId, 'answered');
        break;
      case 'tool-approval-request':
        this.#approvals.set(chunk.approvalId, chunk.toolCallId);
        this.#change(chunk.toolCallId, 'asked');
        break;
      case 'tool-approval-response':
        this.#change(this.#approvals.get(chunk.approvalId) ?? '', chunk.approved ? 'called' : 'answered');
        break;
    }
  }

  #begin(
    chunk: { readonly toolCallId: string; readonly toolName: string; readonly dynamic?: boolean | undefined },
    state: TracedCall['state'],
    input?: unknown,
  ): void {
    const { toolCallId, toolName, dynamic = false } = chunk;
    const known = this.#calls.get(toolCallId);
    const step = this.#begunSteps;
    const index = known?.step === step ? known.index : this.#places++;
    this.#calls.set(toolCallId, { toolCallId, toolName, dynamic, state, input, step, index });
  }

  #change(toolCallId: string, state: TracedCall['state']): void {
    const call = this.#calls.get(toolCallId);
    if (call) this.#calls.set(toolCallId, { ...call, state });
  }
}

/** Sees all chunks of a run. */
export function traceRun(chunks: readonly UIMessageChunk[], continued?: UIMessage): RunTrace {
  const trace = new RunTrace(continued);
  for (const chunk of chunks) trace.see(chunk);
  return trace;
}
