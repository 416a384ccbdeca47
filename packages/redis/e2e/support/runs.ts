import type { LogFrame, RunInit, RunLog } from '@chat-transport/core/provider';

export interface TestRun extends RunInit {
  readonly fence: string;
}

export function init(overrides: Partial<RunInit> = {}): RunInit {
  const start = { trigger: 'submit-message', from: '', messageId: 'm1', before: null, tail: [] } as const;
  const ids = { chatId: crypto.randomUUID(), runId: crypto.randomUUID(), digest: 'd' };
  return { ...ids, start, messages: [], leaseMs: 60_000, fence: crypto.randomUUID(), ...overrides };
}

export async function begin(log: RunLog, overrides: Partial<RunInit> = {}): Promise<TestRun> {
  const run = init(overrides);
  const begun = await log.begin(run);
  if (begun.type !== 'started') throw new Error(`begin answered ${begun.type}`);
  return { ...run, fence: begun.fence };
}

export function frame(at: number, ...deltas: string[]): LogFrame {
  return { at, next: at + deltas.length, chunks: deltas.map((delta) => ({ type: 'text-delta', id: 't', delta })) };
}

/** Reads what is there; fails where a frame is not whole or out of order. */
export async function readAll(log: RunLog, run: RunInit): Promise<{ frames: LogFrame[]; end: string | undefined }> {
  const frames: LogFrame[] = [];
  for (;;) {
    const from = frames.at(-1)?.next ?? 0;
    const answer = await log.read(run, { from });
    for (const each of answer.frames) {
      const position = frames.at(-1)?.next ?? 0;
      if (each.at !== position || each.next - each.at !== each.chunks.length) throw new Error(`Broken at ${position}.`);
      frames.push(each);
    }
    if ((frames.at(-1)?.next ?? 0) === answer.run.next) return { frames, end: answer.run.end?.reason };
  }
}
