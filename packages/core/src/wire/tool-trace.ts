import type { UIMessageChunk } from 'ai';

/** A tool part as the AI SDK's fold keeps it while chunks come; only what decides which chunk touches which part. */
export interface ToolPart {
  readonly id: string;
  /** `undefined` for a part that was there before the chunks: its kind is not known. */
  readonly dynamic: boolean | undefined;
}

/** What becomes of the input that one `tool-input-available` or `tool-input-error` brings. */
export interface ToolInput {
  /** The type of the next chunk that touches the same part. */
  next?: string;
  /** Whether the call is answered or denied later, waits for an approval, or is taken back. */
  answered: boolean;
  /** Whether later chunks depend on how the input was streamed: it must then stay as it is. */
  frozen: boolean;
}

/** What the fold does with the tool chunks, by their index. */
export interface ToolTrace {
  readonly parts: ReadonlyMap<number, ToolPart>;
  readonly inputs: ReadonlyMap<number, ToolInput>;
  /** The chunks that the fold may refuse, which ends it: nothing may move across them. */
  readonly risky: ReadonlySet<number>;
  /** The ids of tool parts that were there before the chunks and that the chunks answer. */
  readonly answeredEarlier: ReadonlySet<string>;
}

/**
 * Follows the tool parts through `chunks` by the AI SDK's own look-up rules. `answeredLater`: the calls that later chunks answer.
 * @source https://github.com/vercel/ai/blob/main/packages/ai/src/ui/process-ui-message-stream.ts (ai 7.0.173)
 */
export function traceTools(
  chunks: readonly UIMessageChunk[],
  answeredLater: ReadonlySet<string> = new Set(),
): ToolTrace {
  const tracer = new ToolTracer();
  for (const [index, chunk] of chunks.entries()) tracer.see(index, chunk);
  return tracer.finish(answeredLater);
}

interface TracedPart extends ToolPart {
  readonly step: number;
  readonly era: number;
  /** The inputs that nothing has answered yet. */
  readonly open: ToolInput[];
}

class ToolTracer implements ToolTrace {
  readonly parts = new Map<number, ToolPart>();
  readonly inputs = new Map<number, ToolInput>();
  readonly risky = new Set<number>();
  readonly answeredEarlier = new Set<string>();
  /** By call id: the parts that are in the message. */
  readonly #live = new Map<string, TracedPart[]>();
  /** By call id: the kind of the last `tool-input-start`, and the inputs that came after it. */
  readonly #streams = new Map<string, { readonly dynamic: boolean; readonly inputs: ToolInput[] }>();
  readonly #approvals = new Map<string, TracedPart>();
  #step = 0;
  /** Grows where a `start` may have emptied the message. */
  #era = 0;

  see(index: number, chunk: UIMessageChunk): void {
    switch (chunk.type) {
      case 'start-step':
        this.#step++;
        return;
      case 'start':
        this.#era++;
        this.#streams.clear();
        return;
      case 'reset-step':
        this.#takeBackStep();
        return;
      case 'tool-input-start':
        this.#streams.set(chunk.toolCallId, { dynamic: !!chunk.dynamic, inputs: [] });
        this.#touch(index, this.#ofKind(chunk.toolCallId, !!chunk.dynamic), chunk.type);
        return;
      case 'tool-input-delta':
        this.#seeDelta(index, chunk.toolCallId);
        return;
      case 'tool-input-available':
        this.#seeInput(index, this.#ofKind(chunk.toolCallId, !!chunk.dynamic), chunk.type);
        return;
      case 'tool-input-error':
        this.#seeInput(
          index,
          this.#inStep(chunk.toolCallId) ?? this.#add(chunk.toolCallId, !!chunk.dynamic),
          chunk.type,
        );
        return;
      case 'tool-approval-request': {
        const part = this.#invoked(index, chunk.toolCallId);
        if (!this.#approval(chunk.approvalId)) this.#approvals.set(chunk.approvalId, part);
        this.#touch(index, part, chunk.type);
        return;
      }
      case 'tool-approval-response': {
        const part = this.#approval(chunk.approvalId);
        if (part) this.#touch(index, part, chunk.type);
        else this.risky.add(index);
        return;
      }
      case 'tool-output-available':
      case 'tool-output-error':
      case 'tool-output-denied':
        this.#touch(index, this.#invoked(index, chunk.toolCallId), chunk.type);
    }
  }

  finish(answeredLater: ReadonlySet<string>): ToolTrace {
    for (const id of answeredLater) {
      for (const input of this.#live.get(id)?.at(-1)?.open ?? []) input.answered = true;
    }
    return this;
  }

  #seeDelta(index: number, id: string): void {
    const stream = this.#streams.get(id);
    if (!stream) {
      this.risky.add(index);
      return;
    }
    for (const input of stream.inputs) input.frozen = true;
    this.#touch(index, this.#ofKind(id, stream.dynamic), 'tool-input-delta');
  }

  #seeInput(index: number, part: TracedPart, type: string): void {
    this.#touch(index, part, type);
    const input: ToolInput = { answered: false, frozen: false };
    this.inputs.set(index, input);
    part.open.push(input);
    this.#streams.get(part.id)?.inputs.push(input);
  }

  #touch(index: number, part: TracedPart, type: string): void {
    this.parts.set(index, part);
    if (part.era !== this.#era) this.risky.add(index);
    const last = part.open.at(-1);
    if (last) last.next ??= type;
    if (type.startsWith('tool-input-') && type !== 'tool-input-error') return;
    for (const input of part.open.splice(0)) input.answered = true;
  }

  #takeBackStep(): void {
    this.#streams.clear();
    for (const live of this.#live.values()) {
      for (let last = live.at(-1); last?.step === this.#step; last = live.at(-1)) {
        for (const input of last.open) input.answered = true;
        live.pop();
      }
    }
  }

  /** The part that an answer is for. One that we do not know belongs to the continued message, or the fold refuses the chunk. */
  #invoked(index: number, id: string): TracedPart {
    const part = this.#inStep(id) ?? this.#live.get(id)?.at(-1);
    if (part) return part;
    this.risky.add(index);
    this.answeredEarlier.add(id);
    return this.#add(id, undefined);
  }

  #approval(id: string): TracedPart | undefined {
    const part = this.#approvals.get(id);
    return part && this.#live.get(part.id)?.includes(part) ? part : undefined;
  }

  #ofKind(id: string, dynamic: boolean): TracedPart {
    const live = this.#live.get(id);
    return live?.find((part) => part.step === this.#step && part.dynamic === dynamic) ?? this.#add(id, dynamic);
  }

  #inStep(id: string): TracedPart | undefined {
    return this.#live.get(id)?.find((part) => part.step === this.#step);
  }

  #add(id: string, dynamic: boolean | undefined): TracedPart {
    // A part that was there before may belong to the step that the chunks begin in.
    const step = dynamic === undefined ? 0 : this.#step;
    const part: TracedPart = { id, dynamic, step, era: this.#era, open: [] };
    const live = this.#live.get(id) ?? [];
    live.push(part);
    this.#live.set(id, live);
    return part;
  }
}
