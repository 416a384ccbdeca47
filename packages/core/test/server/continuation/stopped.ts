import type { RunLog } from '@chat-transport/core/provider';
import type { ChatHandlerOptions } from '@chat-transport/core/server';
import type { UIMessage, UIMessageChunk } from 'ai';
import { user } from '../support.ts';

export const chatId = 'c1';
export const send: {
  readonly id: string;
  readonly runId: string;
  readonly messages: UIMessage[];
  readonly trigger: string;
} = { id: chatId, runId: 'r1', messages: [user('m1', 'Hello')], trigger: 'submit-message' };
export const goesOn: Pick<ChatHandlerOptions, 'onInterrupted' | 'tools'> = { onInterrupted: 'continue', tools: {} };

export const step: UIMessageChunk = { type: 'start-step' };
export const stepEnd: UIMessageChunk = { type: 'finish-step' };

/** The log of a process that can be stopped as SIGSTOP does: its calls hang until it goes on, and it learns nothing meanwhile. */
export function stoppable(log: RunLog): { log: RunLog; stop(): void; goOn(): void } {
  let gate: Promise<void> = Promise.resolve();
  let open = (): void => {};
  const gated = Object.fromEntries(
    Object.entries(log).map(([name, method]) => [
      name,
      typeof method !== 'function'
        ? method
        : async (...args: unknown[]) => {
            await gate;
            const answer = await (method as (...args: unknown[]) => unknown)(...args);
            await gate;
            return answer;
          },
    ]),
  ) as unknown as RunLog;
  return {
    log: gated,
    stop() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    goOn: () => open(),
  };
}

/** Waits for a condition that has to be asked for. */
export async function settle(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
