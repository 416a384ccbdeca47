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
  it('is told by its error chunk, and not by another error behind it', async () => {
    expect(await readEnded([text, failed])).toEqual({ chunks: [text, failed] });
  });

  it('without an error chunk shows all that came, and then a typed error', async () => {
    expect(await readEnded([text])).toEqual({
      chunks: [text],
      error: expect.objectContaining({ code: 'provider-failed' }),
    });
  });
});
