import { describe, expect, test } from 'vitest';
import {
  emptyInspection,
  type Inspection,
  missingOffsets,
  repairedGaps,
  type SeenFrame,
  withEvent,
  withFrame,
  withTraffic,
} from '../src/inspector/inspection.ts';

const base = { chatId: 'c', runId: 'r', turn: 1 } as const;
const chunks = (way: SeenFrame['way'], at: number, next: number): SeenFrame => ({
  ...base,
  way,
  kind: 'chunks',
  at,
  next,
});
const after = (...frames: readonly SeenFrame[]): Inspection => frames.reduce(withFrame, emptyInspection);

describe('the inspector', () => {
  test('shows which path brought which offsets first', () => {
    const { runs } = after(chunks('realtime', 0, 10), chunks('realtime', 10, 12), chunks('sse', 8, 20));
    expect(runs[0]).toMatchObject({
      segments: [
        { way: 'realtime', at: 0, next: 12 },
        { way: 'sse', at: 12, next: 20 },
      ],
      length: 20,
      frames: 3,
      repeated: 0,
    });
  });

  test('counts a frame that brings nothing new as repeated', () => {
    const { runs } = after(chunks('realtime', 0, 10), chunks('read', 0, 10), chunks('read', 3, 7));
    expect(runs[0]).toMatchObject({ repeated: 2, segments: [{ way: 'realtime', at: 0, next: 10 }] });
  });

  test('shows a gap as missing, and as repaired once the log has brought it', () => {
    const open = after(chunks('realtime', 0, 10), chunks('realtime', 15, 20));
    const run = open.runs[0];
    expect(run && missingOffsets(run)).toBe(5);
    expect(run && repairedGaps(run)).toEqual([]);
    const repaired = withFrame(open, chunks('read', 10, 20)).runs[0];
    expect(repaired && missingOffsets(repaired)).toBe(0);
    expect(repaired && repairedGaps(repaired)).toEqual([{ way: 'read', at: 10, next: 15 }]);
  });

  test('takes the beginning of an answer that a reload reads from the log for no gap', () => {
    const run = after(chunks('sse', 0, 40), chunks('realtime', 40, 50)).runs[0];
    expect(run && repairedGaps(run)).toEqual([]);
  });

  test('knows from a pointer that offsets exist which have not come', () => {
    const run = after(chunks('realtime', 0, 2), { ...base, way: 'realtime', kind: 'pointer', at: 2, next: 3 }).runs[0];
    expect(run && missingOffsets(run)).toBe(1);
  });

  test('keeps the first end, and the newest run on top', () => {
    const end = { ...base, way: 'realtime', kind: 'end', at: 2, next: 2, end: 'finish' } as const;
    const { runs } = after(chunks('realtime', 0, 2), end, { ...end, end: 'lost' }, { ...end, runId: 'r2', turn: 2 });
    expect(runs.map(({ runId, end, repeated }) => [runId, end, repeated])).toEqual([
      ['r2', 'finish', 0],
      ['r', 'finish', 1],
    ]);
  });

  test('adds bytes up by path, and counts an event that repeats itself', () => {
    let inspection = withTraffic(emptyInspection, 'sse', { count: 1, sent: 5 });
    inspection = withTraffic(inspection, 'sse', { received: 7 });
    expect(inspection.traffic.sse).toEqual({ count: 1, received: 7, sent: 5 });
    for (const text of ['one', 'two', 'two']) inspection = withEvent(inspection, 'http-failed', text);
    expect(inspection.events.map(({ text, times }) => [text, times])).toEqual([
      ['two', 2],
      ['one', 1],
    ]);
  });
});
