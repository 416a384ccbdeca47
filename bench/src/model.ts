import type { UIMessageChunk } from 'ai';
import { nowMs } from './clock.ts';
import { type Script, tokenLength, toolInput } from './script.ts';

/** When a chat's newest answer was asked for, and when each delta left the model; on the machine's clock. */
export interface Emission {
  readonly askedAt: number;
  readonly deltasAt: number[];
}

/** The one model of all contestants: it speaks on a schedule, whoever listens. */
export class ScriptedModel {
  readonly #emissions = new Map<string, Emission>();
  readonly #held = new Set<() => void>();
  readonly #runs = new Map<string, string>();

  answer(chatId: string, script: Script, messageId?: string): ReadableStream<UIMessageChunk> {
    const emission: Emission = { askedAt: nowMs(), deltasAt: [] };
    this.#emissions.set(chatId, emission);
    let gone = false;
    return new ReadableStream<UIMessageChunk>({
      start: (controller) => {
        const say = (chunk: UIMessageChunk): void => {
          if (!gone) controller.enqueue(chunk);
        };
        void this.#speak(script, emission, say, messageId, () => gone).then(() => {
          if (!gone) controller.close();
        });
      },
      cancel: () => {
        gone = true;
      },
    });
  }

  emission(chatId: string): Emission {
    return this.#emissions.get(chatId) ?? { askedAt: 0, deltasAt: [] };
  }

  /** When it was asked for each chat's newest answer. */
  get askedAt(): ReadonlyMap<string, number> {
    return new Map([...this.#emissions].map(([chatId, { askedAt }]) => [chatId, askedAt]));
  }

  /** Notes which run answers in a chat. */
  ran(chatId: string, runId: string): void {
    this.#runs.set(chatId, runId);
  }

  runOf(chatId: string): string {
    return this.#runs.get(chatId) ?? '';
  }

  /** Lets every answer that is held open end. */
  release(): void {
    for (const go of this.#held) go();
    this.#held.clear();
  }

  forget(): void {
    this.#emissions.clear();
  }

  async #speak(
    script: Script,
    { askedAt, deltasAt }: Emission,
    say: (chunk: UIMessageChunk) => void,
    messageId: string | undefined,
    isGone: () => boolean,
  ): Promise<void> {
    say({ type: 'start', ...(messageId && { messageId }) });
    say({ type: 'start-step' });
    say(opening[script.kind]);
    const firstAt = askedAt + script.thinkMs;
    let index = 0;
    for (const delta of deltasOf(script)) {
      await dueAt(script.intervalMs > 0 || index === 0 ? firstAt + index * script.intervalMs : 0);
      index += 1;
      if (isGone()) return;
      deltasAt.push(nowMs());
      say(delta);
    }
    if (script.hold) await new Promise<void>((resolve) => this.#held.add(resolve));
    if (script.kind === 'text') say({ type: 'text-end', id: '0' });
    else say({ type: 'tool-input-available', toolCallId: 'call', toolName: 'write', input: JSON.parse(toolInput) });
    say({ type: 'finish-step' });
    say({ type: 'finish', finishReason: 'stop' });
  }
}

const opening: Record<Script['kind'], UIMessageChunk> = {
  text: { type: 'text-start', id: '0' },
  tool: { type: 'tool-input-start', toolCallId: 'call', toolName: 'write' },
};

function* deltasOf({ kind, deltas }: Script): Generator<UIMessageChunk> {
  for (let index = 0; index < deltas; index += 1) {
    if (kind === 'text') yield { type: 'text-delta', id: '0', delta: token(index) };
    else {
      const cut = (at: number): number => Math.round((at * toolInput.length) / deltas);
      yield {
        type: 'tool-input-delta',
        toolCallId: 'call',
        inputTextDelta: toolInput.slice(cut(index), cut(index + 1)),
      };
    }
  }
}

function token(index: number): string {
  return `${String((index * 7919) % 10 ** (tokenLength - 1)).padStart(tokenLength - 1, '0')} `;
}

/** Waits for a moment of the clock; always for one turn of the event loop. */
function dueAt(ms: number): Promise<void> {
  const waitMs = ms - nowMs();
  return new Promise((resolve) => {
    if (waitMs > 0) setTimeout(resolve, waitMs);
    else setImmediate(resolve);
  });
}
