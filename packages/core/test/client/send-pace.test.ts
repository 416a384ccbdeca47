import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessageChunk } from 'ai';
import { describe, expect, it } from 'vitest';
import {
  answerIntervalMs,
  initialPace,
  maxAnswersInARow,
  nextPace,
  type SendPace,
} from '../../src/client/send-pace.ts';
import { World } from '../support/world.ts';

describe('automatic sends', () => {
  it('that are always due go a few times per second, and end in an error that says so', async () => {
    let calls = 0;
    const respond = async function* (): AsyncGenerator<UIMessageChunk> {
      yield { type: 'start' };
      // Only the first answer has a step: after it the tool's output stays the newest part, so the next send is due at once.
      if (calls++ === 0) {
        yield { type: 'start-step' };
        yield { type: 'tool-input-available', toolCallId: 't', toolName: 'clock', input: {} };
        yield { type: 'finish-step' };
      }
      yield { type: 'finish' };
    };
    const device = new World({ respond }).device();
    const chat = device.synced('c', { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls });
    const runs = new Set<string>();
    device.network.intercept = (request) => {
      if (request.method === 'POST' && request.url.endsWith('/api/chat'))
        void request
          .clone()
          .json()
          .then(({ runId }) => runs.add(runId));
      return undefined;
    };
    await chat.sendMessage({ text: 'what time is it?' });
    const startedAt = performance.now();
    await chat.addToolOutput({ tool: 'clock', toolCallId: 't', output: 'noon' });
    await expect.poll(() => chat.error, { timeout: 25_000 }).toMatchObject({ code: 'rate-limited', retryable: false });
    const tookMs = performance.now() - startedAt;
    expect(runs.size).toBe(1 + maxAnswersInARow);
    expect(tookMs).toBeGreaterThan((maxAnswersInARow - 4) * answerIntervalMs);
    // A message of the user starts again.
    await chat.sendMessage({ text: 'go on' });
    expect(chat.error).toBeUndefined();
  }, 60_000);
});

describe('the pace of sends', () => {
  const run = (times: readonly number[], isAnswer = true): (SendPace | undefined)[] => {
    let pace: SendPace | undefined = initialPace;
    return times.map((now) => {
      pace = pace && nextPace(pace, isAnswer, now);
      return pace;
    });
  };

  it('lets the first ones go at once, and the next ones at intervals', () => {
    const leaves = run([0, 0, 0, 0, 0]).map((pace) => pace?.lastAt);
    expect(leaves).toEqual([0, 0, 0, answerIntervalMs, 2 * answerIntervalMs]);
  });

  it('ends a row that is too long, and not one whose sends are far apart', () => {
    const times = Array.from({ length: maxAnswersInARow + 1 }, (_, index) => index * 1000);
    expect(run(times).filter((pace) => !pace)).toHaveLength(1);
    expect(run(times.map((time) => time * 11)).every((pace) => pace?.inARow === 1)).toBe(true);
  });

  it('ends a row whose answers take longer than a person', () => {
    let now = 0;
    let pace: SendPace | undefined = initialPace;
    let sends = 0;
    while (pace && sends <= maxAnswersInARow) {
      pace = nextPace(pace, true, now);
      if (!pace) break;
      sends += 1;
      // A minute of the model, and the next send as soon as it is done.
      now += 60_000;
      pace = { ...pace, overAt: now };
    }
    expect(sends).toBe(maxAnswersInARow);
  });

  it('holds no message of the user back, however many there are', () => {
    expect(run(Array(100).fill(0), false).every((pace) => pace === initialPace)).toBe(true);
  });
});
