import { isToolUIPart, type UIMessage, type UIMessageChunk } from 'ai';

/** The error text of a tool call that its run has left without an output. */
export const unfinishedToolText = 'The run ended before this tool call was finished.';

/**
 * The tool calls of a run that have no output yet, seen chunk by chunk. A call that waits for a user's approval is not one of them. A run that
 * ends with such calls closes them, so that its message can always be sent to a model. PROTOCOL.md section 7.9.
 */
export class UnfinishedCalls {
  /** The step of each open call. */
  readonly #open = new Map<string, number>();
  readonly #approvals = new Map<string, string>();
  #step = 0;

  /** @param continued The message that the run continues. */
  constructor(continued?: UIMessage) {
    for (const part of continued?.parts ?? []) {
      if (!isToolUIPart(part)) continue;
      const { toolCallId, state, approval } = part;
      if (approval) this.#approvals.set(approval.id, toolCallId);
      const isApproved = state === 'approval-responded' && approval?.approved === true;
      if (state === 'input-streaming' || state === 'input-available' || isApproved) this.#open.set(toolCallId, -1);
    }
  }

  see(chunk: UIMessageChunk): void {
    switch (chunk.type) {
      case 'tool-input-start':
      case 'tool-input-available':
        this.#open.set(chunk.toolCallId, this.#step);
        break;
      case 'tool-approval-request':
        this.#approvals.set(chunk.approvalId, chunk.toolCallId);
        this.#open.delete(chunk.toolCallId);
        break;
      case 'tool-approval-response': {
        const toolCallId = this.#approvals.get(chunk.approvalId);
        if (toolCallId !== undefined && chunk.approved) this.#open.set(toolCallId, this.#step);
        break;
      }
      case 'tool-input-error':
      case 'tool-output-available':
      case 'tool-output-error':
      case 'tool-output-denied':
        this.#open.delete(chunk.toolCallId);
        break;
      case 'start-step':
        this.#step += 1;
        break;
      case 'reset-step':
        for (const [toolCallId, step] of this.#open) if (step === this.#step) this.#open.delete(toolCallId);
        break;
    }
  }

  /** The chunks that close the calls. */
  closing(errorText: string): UIMessageChunk[] {
    return [...this.#open.keys()].map((toolCallId) => ({ type: 'tool-output-error', toolCallId, errorText }));
  }
}
