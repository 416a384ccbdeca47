import type { UIMessage, UIMessageChunk } from 'ai';
import { applyResets } from './apply-resets.ts';
import { deltaKey, isDelta, type LooseChunk, mergeDeltas } from './delta.ts';
import { messageChunks } from './message-chunks.ts';
import { canBeSilent, cleaningOutput, keepsRawInput, silentInput } from './silent-input.ts';
import { type ToolPart, type ToolTrace, traceTools } from './tool-trace.ts';

/**
 * A run's chunks in as few as fold to the identical message, for a reader that begins at offset 0. Linear in time; `chunks` stay
 * as they are. Deltas of one part, updates of one data part and preliminary outputs merge into the first one's place; input deltas
 * go where the whole input follows; transient data goes, and so does what a `reset-step` has taken back. An answered tool call is encoded so that `onToolCall` does not run, an
 * unanswered one so that it does. Everything else, unknown types and fields included, passes verbatim. PROTOCOL.md section 4.2.
 */
export function compact(chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  const left = applyResets(chunks);
  return new Compaction(left, traceTools(left), { silent: true }).run();
}

/** Like `compact`, without its care for `onToolCall`: for a fold that runs none. Exact also for chunks that the fold refuses. */
export function mergeChunks(chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  return new Compaction(chunks, traceTools(chunks), { silent: false }).run();
}

/**
 * The parts of a message that a run continues, as chunks for a reader that has emptied it. Put
 * `{ type: 'start', messageId, messageMetadata }` in front and the run's chunks behind. Calls that the run answers (`chunks`) do not
 * run `onToolCall` again; a call that nobody has answered does, as on any reload.
 *
 * What no chunk can express is missing, and comes with the start frame's `tail`: `filename` and `providerReference` of a file, a text or
 * reasoning part without `state`, a reasoning part without `id` (it gets one), `dynamic: false` of a dynamic tool part, a tool
 * part's `rawInput` that is not its input's text, a second data part with the same type and id, part types and fields that the app added.
 */
export function replayMessage(message: UIMessage, chunks: readonly UIMessageChunk[] = []): UIMessageChunk[] {
  const earlier = messageChunks(message);
  return new Compaction(earlier, traceTools(earlier, traceTools(chunks).answeredEarlier), { silent: true }).run();
}

type InputChunk = Extract<UIMessageChunk, { type: 'tool-input-available' | 'tool-input-error' }>;

const outputFields: ReadonlySet<string> = new Set([
  'type',
  'toolCallId',
  'output',
  'providerExecuted',
  'providerMetadata',
  'toolMetadata',
  'dynamic',
  'preliminary',
]);

class Compaction {
  readonly #chunks: readonly UIMessageChunk[];
  readonly #trace: ToolTrace;
  readonly #silent: boolean;
  readonly #out: (UIMessageChunk | undefined)[] = [];
  /** The text and reasoning parts that are open for certain. */
  readonly #active = new Set<string>();
  /** Where later chunks may merge into, as places in `#out`: whatever could make the fold differ removes the place. */
  readonly #texts = new Map<string, number>();
  readonly #inputs = new Map<string, number>();
  readonly #starts = new Map<string, { readonly place: number; readonly part: ToolPart | undefined }>();
  readonly #outputs = new Map<ToolPart | undefined, number>();
  readonly #data = new Map<string, number>();
  /** The parts whose silent input has left `rawInput` behind. */
  readonly #withRawInput = new Set<ToolPart | undefined>();

  constructor(chunks: readonly UIMessageChunk[], trace: ToolTrace, { silent }: { readonly silent: boolean }) {
    this.#silent = silent;
    this.#chunks = chunks;
    this.#trace = trace;
  }

  run(): UIMessageChunk[] {
    for (const [index, chunk] of this.#chunks.entries()) {
      if (this.#trace.risky.has(index)) this.#closeAll();
      this.#add(index, chunk);
    }
    return this.#out.filter((chunk) => chunk !== undefined);
  }

  #add(index: number, chunk: UIMessageChunk): void {
    switch (chunk.type) {
      case 'text-start':
      case 'reasoning-start':
        this.#addTextStart(chunk);
        return;
      case 'text-end':
      case 'reasoning-end':
        this.#addTextEnd(chunk);
        return;
      case 'text-delta':
      case 'reasoning-delta':
        this.#addTextDelta(chunk);
        return;
      case 'tool-input-start':
        this.#addInputStart(index, chunk);
        return;
      case 'tool-input-delta':
        this.#addInputDelta(index, chunk);
        return;
      case 'tool-input-available':
      case 'tool-input-error':
        this.#addInput(index, chunk);
        return;
      case 'tool-output-available':
        this.#addOutput(index, chunk);
        return;
      case 'tool-output-error':
        if (this.#withRawInput.delete(this.#trace.parts.get(index))) this.#out.push(cleaningOutput(chunk.toolCallId));
        this.#closeTool(this.#trace.parts.get(index));
        break;
      case 'tool-output-denied':
      case 'tool-approval-request':
      case 'tool-approval-response':
        this.#closeTool(this.#trace.parts.get(index));
        break;
      case 'start-step':
        // An input delta behind it would add a second part, and stock readers show the step with what follows it.
        this.#closeAll();
        break;
      case 'start':
      case 'reset-step':
      case 'error':
        this.#closeAll();
        this.#active.clear();
        break;
      default:
        if (!chunk.type.startsWith('data-')) break;
        this.#addData(chunk);
        return;
    }
    this.#push(chunk);
  }

  #addTextStart(chunk: UIMessageChunk & { id: string }): void {
    const key = `${chunk.type.split('-')[0]}-delta:${chunk.id}`;
    this.#active.add(key);
    this.#texts.delete(key);
    this.#push(chunk);
  }

  #addTextEnd(chunk: UIMessageChunk & { id: string }): void {
    const key = `${chunk.type.split('-')[0]}-delta:${chunk.id}`;
    if (!this.#active.delete(key)) this.#closeAll();
    this.#texts.delete(key);
    this.#push(chunk);
  }

  #addTextDelta(chunk: UIMessageChunk & { id: string }): void {
    const key = `${chunk.type}:${chunk.id}`;
    if (!this.#active.has(key) && !this.#texts.has(key)) this.#closeAll();
    this.#mergeInto(this.#texts, key, chunk);
  }

  #addInputStart(index: number, chunk: UIMessageChunk & { toolCallId: string }): void {
    const part = this.#trace.parts.get(index);
    this.#closeTool(part);
    this.#starts.set(chunk.toolCallId, { place: this.#push(chunk), part });
  }

  #addInputDelta(index: number, chunk: UIMessageChunk & { toolCallId: string }): void {
    this.#outputs.delete(this.#trace.parts.get(index));
    this.#mergeInto(this.#inputs, chunk.toolCallId, chunk);
  }

  /** The whole input overwrites the text of its deltas. */
  #addInput(index: number, chunk: InputChunk): void {
    const part = this.#trace.parts.get(index);
    const input = this.#trace.inputs.get(index);
    const start = this.#starts.get(chunk.toolCallId);
    const fresh = start !== undefined && start.part === part && input?.frozen === false;
    const streamed = this.#inputs.get(chunk.toolCallId);
    if (fresh && streamed !== undefined) this.#out[streamed] = undefined;
    this.#closeTool(part);
    const quiet = chunk.type !== 'tool-input-available' || chunk.providerExecuted || !this.#silent;
    if (quiet || !input?.answered || input.frozen || !canBeSilent(chunk, input.next)) {
      this.#push(chunk);
      return;
    }
    if (keepsRawInput(input.next)) this.#withRawInput.add(part);
    const before = fresh ? this.#out[start.place] : undefined;
    this.#out.push(...silentInput(chunk, before?.type === 'tool-input-start' ? before : undefined, input.next));
  }

  #addOutput(index: number, chunk: UIMessageChunk & { type: 'tool-output-available' }): void {
    const part = this.#trace.parts.get(index);
    const place = this.#outputs.get(part);
    const known = Object.keys(chunk).every((field) => outputFields.has(field));
    this.#closeTool(part);
    if (known && place !== undefined) this.#out[place] = mergeOutputs(this.#out[place] as LooseChunk, chunk);
    const here = known && place !== undefined ? place : this.#push(chunk);
    if (known) this.#outputs.set(part, here);
  }

  #addData(chunk: UIMessageChunk): void {
    const { id, data, transient } = chunk as LooseChunk;
    if (transient) return;
    const key = typeof id === 'string' ? `${id.length}:${id}:${chunk.type}` : undefined;
    const place = key === undefined ? undefined : this.#data.get(key);
    if (place !== undefined) {
      this.#out[place] = { ...this.#out[place], data } as UIMessageChunk;
      return;
    }
    const pushed = this.#push(chunk);
    if (key !== undefined) this.#data.set(key, pushed);
  }

  #mergeInto(places: Map<string, number>, key: string, chunk: UIMessageChunk): void {
    const place = places.get(key);
    if (deltaKey(chunk) === undefined) {
      places.delete(key);
      this.#push(chunk);
      return;
    }
    const before = place === undefined ? undefined : this.#out[place];
    if (place === undefined || before === undefined || !isDelta(before)) places.set(key, this.#push(chunk));
    else this.#out[place] = mergeDeltas(before, chunk);
  }

  #push(chunk: UIMessageChunk): number {
    return this.#out.push(chunk) - 1;
  }

  #closeTool(part: ToolPart | undefined): void {
    this.#outputs.delete(part);
    if (!part) return;
    this.#inputs.delete(part.id);
    this.#starts.delete(part.id);
  }

  #closeAll(): void {
    for (const places of [this.#texts, this.#inputs, this.#starts, this.#outputs, this.#data]) places.clear();
  }
}

/** The later output wins; what it leaves out stays from the earlier one. */
function mergeOutputs(first: LooseChunk, second: LooseChunk): UIMessageChunk {
  const merged: Record<string, unknown> = { ...second };
  for (const field of ['providerExecuted', 'providerMetadata', 'toolMetadata']) {
    const value = second[field] ?? first[field];
    if (value != null) merged[field] = value;
  }
  return merged as UIMessageChunk;
}
