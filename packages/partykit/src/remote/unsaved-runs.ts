import type { RunKey } from '@chat-transport/core/provider';

/** How many runs a process remembers for its sweeps. It forgets the oldest first; `listChats` has to name their chats. */
export const maxUnsavedRuns = 10_000;

/** The runs that this process has begun, until it knows that they are saved. */
export class UnsavedRuns {
  /** Oldest first. */
  readonly #runs = new Map<string, RunKey>();

  add(run: RunKey): void {
    this.#runs.set(keyOf(run), run);
    const [oldest = ''] = this.#runs.keys();
    if (this.#runs.size > maxUnsavedRuns) this.#runs.delete(oldest);
  }

  delete(run: RunKey): void {
    this.#runs.delete(keyOf(run));
  }

  /** The chats of these runs. */
  chats(): Set<string> {
    return new Set([...this.#runs.values()].map(({ chatId }) => chatId));
  }
}

/** Ids have no slash. */
function keyOf({ chatId, runId }: RunKey): string {
  return `${chatId}/${runId}`;
}
