import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandlerOptions, defaultLeaseMs } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { createWorld, type World } from '../support.ts';
import { chatId, goesOn, settle } from './stopped.ts';

/** When a process dies that appends a chunk: with the append on its way, or right behind it. */
type Death = 'before' | 'behind';

/** A log whose process dies at the append of a chunk: no call of it is answered any more. */
function mortal(log: RunLog, isLast: (chunk: UIMessageChunk) => boolean, death: Death, onDeath: () => void): RunLog {
  let isDead = false;
  const die = (): Promise<never> => {
    isDead = true;
    onDeath();
    return never;
  };
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
            const chunks = name === 'append' ? (args[2] as { chunks: readonly UIMessageChunk[] }).chunks : [];
            const isTheLast = chunks.some(isLast);
            if (isTheLast && death === 'before') return die();
            const answer = await call(method, args);
            return isTheLast ? die() : answer;
          },
    ]),
  ) as unknown as RunLog;
}

/** Two processes on one log: the first one dies at the append of a chunk, and the second one goes on. */
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
  death: Death = 'behind',
): DeadAndNext {
  let aheadMs = 0;
  let onDeath = (): void => {};
  const died = new Promise<void>((resolve) => {
    onDeath = resolve;
  });
  const log = memoryLog({ now: () => Date.now() + aheadMs });
  const all = { ...goesOn, toolBarrier: true, ...options };
  const dead = createWorld({ ...all, log: mortal(log, isLast, death, onDeath) });
  return {
    log,
    dead,
    async next() {
      await died;
      aheadMs += defaultLeaseMs;
      await settle(async () => (await log.state(chatId)).active?.interrupted === true);
      const world = createWorld({ ...all, log });
      await world.handler.sweep();
      return world;
    },
  };
}
