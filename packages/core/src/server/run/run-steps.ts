import type { UIMessage, UIMessageChunk } from 'ai';
import { RunTrace } from './trace-run.ts';

/**
 * Follows how far a run has come, chunk by chunk, over all of its writers: finds the boundary between two steps at which a run that is due is handed
 * over, and gives each tool call a key that is the same for every writer.
 */
export class RunSteps {
  readonly #trace: RunTrace;
  /** How many steps earlier writers have finished. */
  readonly #before: number;
  /** Whether the run is to be handed over at its next boundary. */
  isDue = false;

  /** @param continued The message that the run continues. @param chunks What earlier writers have written. */
  constructor(continued: UIMessage | undefined, chunks: readonly UIMessageChunk[]) {
    this.#trace = new RunTrace(continued);
    for (const chunk of chunks) this.#trace.see(chunk);
    this.#before = this.#trace.steps;
  }

  see(chunk: UIMessageChunk): void {
    this.#trace.see(chunk);
  }

  /** Whether the run has called a tool of the server. */
  hasCalled(isServerTool: (toolName: string) => boolean): boolean {
    return this.#trace.calls.some((call) => call.state !== 'approved' && (call.dynamic || isServerTool(call.toolName)));
  }

  /** Whether a steer is missing that belongs here, between two steps. */
  lacksSteer(id: string): boolean {
    return this.#trace.openStepAt === undefined && !this.#trace.steers.includes(id);
  }

  /** Whether the run ends here, in front of `chunk`, its next one: that one begins a step that is not this writer's first. */
  isBoundaryBefore(chunk: UIMessageChunk): boolean {
    return (
      this.isDue &&
      chunk.type === 'start-step' &&
      this.#trace.openStepAt === undefined &&
      this.#trace.steps > this.#before
    );
  }

  /** Whether it ends behind `chunk`, the newest one: that closes a step whose calls all have outputs, which the model sees in another step. */
  isBoundaryAfter(chunk: UIMessageChunk): boolean {
    if (!this.isDue || chunk.type !== 'finish-step') return false;
    const { stepCalls } = this.#trace;
    return stepCalls.length > 0 && stepCalls.every(({ state }) => state === 'answered');
  }

  /** The step of a call and its place in it, from 0. Unlike its id they are the same where the step runs again. `undefined` for an unknown call. */
  placeOf(toolCallId: string): string | undefined {
    const call = this.#trace.call(toolCallId);
    return call && `${call.step}:${call.index}`;
  }
}
