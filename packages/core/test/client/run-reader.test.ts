import type { UIMessageChunk } from 'ai';
import { describe, expect, it } from 'vitest';
import { RunReader } from '../../src/client/run-reader.ts';

const base = { v: 1, run: 'run', turn: 1 } as const;
const text: UIMessageChunk = { type: 'text-start', id: '0' };
const failed: UIMessageChunk = { type: 'error', errorText: 'out of words' };

/** What a reader gets of a run that ends in an error behind these chunks. */
async function readEnded(chunks: UIMessageChunk[]): Promise<{ chunks: UIMessageChunk[]; error?: unknown }> {
  const run = new RunReader({ runId: 'run', turn: 1, openedAt: 0, onClose: () => {}, onRoom: () => {} });
  run.accept({ ...base, at: 0, next: chunks.length, chunks }, false, 0);
  run.accept({ ...base, at: chunks.length, end: { reason: 'error' } }, false, 0);
  const read: UIMessageChunk[] = [];
  try {
    for await (const chunk of run.stream) read.push(chunk);
    return { chunks: read };
  } catch (error) {
    return { chunks: read, error };
  }
}

describe('a run that failed', () => {
  it('is reported with its error chunk, and not with another error after it', async () => {
    expect(await readEnded([text, failed])).toEqual({ chunks: [text, failed] });
  });

  it('without an error chunk shows all that came, and then a typed error', async () => {
    expect(await readEnded([text])).toEqual({
      chunks: [text],
      error: expect.objectContaining({ code: 'provider-failed' }),
    });
  });
});

describe('a run that a response of its own feeds', () => {
  const words = (at: number, next: number) => ({
    ...base,
    at,
    next,
    chunks: Array.from({ length: next - at }, (_, index): UIMessageChunk => {
      return { type: 'text-delta', id: '0', delta: `${at + index} ` };
    }),
  });
  const fed = (onRoom = () => {}) =>
    new RunReader({ runId: 'run', turn: 1, isFed: true, openedAt: 0, onClose: () => {}, onRoom });
  const isMissing = (run: RunReader) => run.need(0).isMissing;

  it('waits for the response where only the offsets are known', () => {
    const run = fed();
    run.accept({ ...base, at: 0, next: 5 }, false, 0);
    expect(isMissing(run)).toBe(false);
    run.setFed(false);
    expect(isMissing(run)).toBe(true);
  });

  it('needs the log for what came while it had no room, as soon as it has room', async () => {
    let rooms = 0;
    const run = fed(() => {
      rooms++;
    });
    run.accept(words(0, 1024), false, 0);
    run.accept(words(1024, 1030), false, 0);
    expect(isMissing(run)).toBe(false);
    const reader = run.stream.getReader();
    for (let index = 0; index < 600; index++) await reader.read();
    expect(isMissing(run)).toBe(true);
    expect(rooms).toBeGreaterThan(0);
    run.accept(words(1030, 1031), false, 0);
    expect(run.position).toBe(1024);
    run.accept(words(1024, 1030), false, 0);
    expect(run.position).toBe(1031);
    expect(isMissing(run)).toBe(false);
  });

  it('needs the log for what began at 0 and was not taken, because it may be a snapshot', () => {
    const run = fed();
    run.accept(words(0, 2), false, 0);
    run.accept(words(0, 5), false, 0);
    expect(isMissing(run)).toBe(true);
    run.accept(words(2, 5), false, 0);
    expect(isMissing(run)).toBe(false);
  });

  it('is not stuck while it gets on', () => {
    const run = fed();
    run.accept(words(0, 2), false, 0);
    run.noteStuck(true, 10);
    expect(run.need(0).stuckSince).toBe(10);
    run.accept(words(2, 3), false, 20);
    expect(run.need(0).stuckSince).toBeUndefined();
  });
});
