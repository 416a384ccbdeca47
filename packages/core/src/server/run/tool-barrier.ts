import type { UIMessage, UIMessageChunk } from 'ai';
import { traceRun } from './trace-run.ts';

/**
 * Holds a tool back until the log has its call. Only what this writer has appended counts: call ids may repeat behind a reset. A writer that stops
 * never lets a tool go: the AI SDK swallows errors of its notifications, so the barrier can only delay.
 */
export class ToolBarrier {
  readonly #logged = new Set<string>();
  readonly #waiting = new Map<string, (() => void)[]>();
  /** The calls that a user has approved, by their approval. They run in front of the first step. */
  readonly #approved = new Map<string, string>();

  /** @param continued The message that the run continues. */
  constructor(continued: UIMessage | undefined) {
    const trace = traceRun([], continued);
    for (const { toolCallId } of trace.calls) this.#approved.set(trace.approvalOf(toolCallId) ?? '', toolCallId);
  }

  /** The chunk that says that an approved call runs: it changes no fold. `undefined` for a call of this run. */
  markOf(toolCallId: string): UIMessageChunk | undefined {
    for (const [approvalId, id] of this.#approved) {
      if (id === toolCallId) return { type: 'tool-approval-response', approvalId, approved: true };
    }
    return;
  }

  /** Resolves once the call is in the log. */
  passed(toolCallId: string): Promise<void> {
    if (this.#logged.has(toolCallId)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.set(toolCallId, [...(this.#waiting.get(toolCallId) ?? []), resolve]);
    });
  }

  /** The log has acknowledged these chunks. */
  logged(chunks: readonly UIMessageChunk[]): void {
    for (const chunk of chunks) {
      if (chunk.type === 'tool-input-available') this.#pass(chunk.toolCallId);
      if (chunk.type === 'tool-approval-response') this.#pass(this.#approved.get(chunk.approvalId) ?? '');
    }
  }

  #pass(toolCallId: string): void {
    this.#logged.add(toolCallId);
    for (const resolve of this.#waiting.get(toolCallId) ?? []) resolve();
    this.#waiting.delete(toolCallId);
  }
}
