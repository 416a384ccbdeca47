import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandlerOptions, defaultLeaseMs } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { createWorld, type World } from '../support.ts';
import { chatId, goesOn, settle } from './stopped.ts';

/** A log whose process dies right behind the append of a chunk: no call of it is answered any more. */
function mortal(log: RunLog, isLast: (chunk: UIMessageChunk) => boolean): RunLog {
  let isDead = false;
  const never = new Promise<never>(() => {});
  const call = async (method: (...args: never[]) => unknown, args: unknown[]): Promise<unknown> => {
    if (isDead) return never;
    const answer = await method.apply(log, args as never[]);
    return isDead ? never : answer;
  };
  return Object.fromEntries(
    Object.entries(log).map(([name, method]) => [
      name,
      typeof method !== 'function'
        ? method
        : async (...args: unknown[]) => {
            const answer = await call(method, args);
            const chunks = name === 'append' ? (args[2] as { chunks: readonly UIMessageChunk[] }).chunks : [];
            if (!chunks.some(isLast)) return answer;
            isDead = true;
            return never;
          },
    ]),
  ) as unknown as RunLog;
}

/** Two processes on one log: the first one dies behind the append of a chunk, and the second one goes on. */
export interface DeadAndNext {
  readonly log: RunLog;
  readonly dead: World;
  /** Resolves with the second process, once the first one is dead and its lease over. */
  next(): Promise<World>;
}

/** @see DeadAndNext */
export function deadAndNext(
  options: Partial<ChatHandlerOptions>,
  isLast: (chunk: UIMessageChunk) => boolean,
): DeadAndNext {
  let aheadMs = 0;
  const log = memoryLog({ now: () => Date.now() + aheadMs });
  const all = { ...goesOn, toolBarrier: true, ...options };
  const dead = createWorld({ ...all, log: mortal(log, isLast) });
  return {
    log,
    dead,
    async next() {
      await settle(async () => {
        const { active } = await log.state(chatId);
        if (!active) return false;
        const { frames } = await log.read(active, { from: 0 });
        return frames.some(({ chunks }) => chunks.some(isLast));
      });
      aheadMs += defaultLeaseMs;
      await settle(async () => (await log.state(chatId)).active?.interrupted === true);
      const world = createWorld({ ...all, log });
      await world.handler.sweep();
      return world;
    },
  };
}
