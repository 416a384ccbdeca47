import type { LogFrame, RunKey } from '@chat-transport/core/provider';
import { sqliteLog } from '../src/index.ts';

// A process of its own on the file given as argument: it does what the parent asks, one log method per message.

/** What the parent asks. */
export interface Ask {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What the parent gets: an answer, or how far `flood` has come. */
export type Tell =
  | { readonly id: number; readonly result?: unknown; readonly error?: string }
  | { readonly acked: number };

const log = sqliteLog({ path: process.argv[2] ?? '' });
const tell = (message: Tell): void => void process.send?.(message);

/** Appends until the process dies. */
async function flood(run: RunKey, fence: string): Promise<never> {
  for (let at = 0; ; at += 3) {
    const chunks = ['a', 'b', 'c'].map((delta) => ({
      type: 'text-delta' as const,
      id: 'text',
      delta: delta.repeat(3_000),
    }));
    const frame: LogFrame = { at, next: at + 3, chunks };
    await log.append(run, fence, frame);
    tell({ acked: frame.next });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const methods = { ...log, flood } as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;

process.on('message', async ({ id, method, args }: Ask) => {
  try {
    tell({ id, result: await methods[method]?.(...args) });
  } catch (error) {
    tell({ id, error: String(error) });
  }
});
