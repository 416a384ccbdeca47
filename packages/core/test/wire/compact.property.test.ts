import { isToolUIPart, type UIMessage, type UIMessageChunk } from 'ai';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compact, replayMessage } from '../../src/wire/compact.ts';
import { foldMessage } from '../../src/wire/fold.ts';
import { canBeSilent } from '../../src/wire/silent-input.ts';
import { canonical, chatFold, sdkFold } from './folds.ts';
import { runChunks, wildChunks } from './streams.ts';

const runs = { numRuns: 150 };

/** Whether a call that a user decides about has an input that no silent chunk can carry: such a call is said as it was. */
function isLoud(id: string, chunks: readonly UIMessageChunk[]): boolean {
  const decided = chunks.some(
    (chunk) =>
      /^tool-(approval-request|output-denied)$/.test(chunk.type) &&
      (chunk as { toolCallId?: string }).toolCallId === id,
  );
  const exotic = (input: unknown) =>
    !canBeSilent({ type: 'tool-input-available', toolCallId: id, toolName: '', input }, 'tool-output-denied');
  return (
    decided &&
    chunks.some((chunk) => chunk.type === 'tool-input-available' && chunk.toolCallId === id && exotic(chunk.input))
  );
}

describe('a compacted replay', () => {
  it('folds to the identical message for every part type and tool state', async () => {
    await fc.assert(
      fc.asyncProperty(runChunks('m1'), async (chunks) => {
        const before = JSON.stringify(chunks);
        const compacted = compact(chunks);
        const [raw, small] = [await sdkFold(chunks), await sdkFold(compacted)];
        expect(canonical(small)).toBe(canonical(raw));
        expect(JSON.stringify(chunks)).toBe(before);
      }),
      runs,
    );
  });

  it('shows the identical message on a page that resumes, and runs only client calls that nobody answered', async () => {
    await fc.assert(
      fc.asyncProperty(runChunks('m1'), async (chunks) => {
        const [raw, small] = [await chatFold(chunks), await chatFold(compact(chunks))];
        expect(canonical(small.message)).toBe(canonical(raw.message));
        expect(small.failed).toBe(false);
        const waiting = (raw.message?.parts ?? [])
          .filter(isToolUIPart)
          .filter((part) => part.state === 'input-available');
        expect(raw.calls).toEqual(expect.arrayContaining([...small.calls]));
        for (const id of small.calls) {
          if (!isLoud(id, chunks)) expect(waiting.map((part) => part.toolCallId)).toContain(id);
        }
        for (const part of waiting) if (!part.providerExecuted) expect(small.calls).toContain(part.toolCallId);
      }),
      runs,
    );
  });

  it('is the same when it is compacted again', async () => {
    await fc.assert(
      fc.asyncProperty(runChunks('m1'), async (chunks) => {
        const once = compact(chunks);
        const [first, second] = [await chatFold(once), await chatFold(compact(once))];
        expect(canonical(second.message)).toBe(canonical(first.message));
        expect(second.calls).toEqual(first.calls);
      }),
      runs,
    );
  });

  it('takes any order of chunks, and folds the same whenever the fold takes them', async () => {
    await fc.assert(
      fc.asyncProperty(wildChunks, async (chunks) => {
        const compacted = compact(chunks);
        const raw = await chatFold(chunks);
        fc.pre(!raw.failed);
        expect(canonical((await chatFold(compacted)).message)).toBe(canonical(raw.message));
      }),
      { numRuns: 400 },
    );
  });

  it('gives the parts of a continued message back to a page that has emptied it', async () => {
    await fc.assert(
      fc.asyncProperty(runChunks('m1', 'a'), runChunks('m1', 'b'), async (first, second) => {
        const earlier = JSON.parse(JSON.stringify(await sdkFold(first))) as UIMessage;
        const whole = await sdkFold(second, earlier);
        const start = { type: 'start' as const, messageId: 'm1', messageMetadata: earlier.metadata };
        const replayed = await chatFold([start, ...replayMessage(earlier, second), ...compact(second)], [earlier]);
        expect(canonical(replayed.message)).toBe(canonical(whole));
      }),
      runs,
    );
  });
});

describe('foldMessage', () => {
  it('keeps what a client shows', async () => {
    await fc.assert(
      fc.asyncProperty(runChunks('m1'), async (chunks) => {
        const [folded, raw] = [await foldMessage({ messageId: 'm1', chunks }), await sdkFold(chunks)];
        expect(canonical(folded)).toBe(canonical(raw));
      }),
      runs,
    );
  });

  it('keeps what came before a chunk that the fold refuses', async () => {
    await fc.assert(
      fc.asyncProperty(wildChunks, async (chunks) => {
        const [folded, raw] = [await foldMessage({ messageId: 'm1', chunks }), await sdkFold(chunks)];
        expect(canonical(folded)).toBe(canonical(raw));
      }),
      { numRuns: 600 },
    );
  });

  it('continues an assistant message without changing the one it was given', async () => {
    await fc.assert(
      fc.asyncProperty(runChunks('m1', 'a'), runChunks('m1', 'b'), async (first, chunks) => {
        const message = JSON.parse(JSON.stringify(await sdkFold(first))) as UIMessage;
        const before = JSON.stringify(message);
        const folded = await foldMessage({ message, messageId: 'm1', chunks });
        expect(canonical(folded)).toBe(canonical(await sdkFold(chunks, message)));
        expect(JSON.stringify(message)).toBe(before);
      }),
      runs,
    );
  });
});
