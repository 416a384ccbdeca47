import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UIMessage, UIMessageChunk } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compact } from '../../core/src/wire/compact.ts';
import { canonical, sdkFold } from '../../core/test/wire/folds.ts';
import { sqliteLog } from '../src/index.ts';
import { key, writeRun } from './support/write-run.ts';

/**
 * How far each writer's clock is ahead of the one before, in milliseconds: longer than a lease, and shorter by 40 s than a run waits for its next
 * writer, so that a slow machine changes nothing.
 */
const aheadMs = 20_000;

/** Compiled code, so that the processes start quickly. */
let compiled: string;
beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'compiled-writers-'));
});
afterAll(() => rm(compiled, { recursive: true }));

/** Runs one writer in a process of its own, until it is killed or the run has ended. Answers whether it was killed. */
async function isKilled(folder: string, killAt: number, writer: number): Promise<boolean> {
  const script = fileURLToPath(new URL('support/writer-process.ts', import.meta.url));
  const options = ['--conditions=@chat-transport/source', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...options, script, folder, String(killAt), String(writer * aheadMs)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
  });
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`The writer failed (${code ?? signal}): ${errors}`);
  return signal === 'SIGKILL';
}

interface Finished {
  readonly outcome: string;
  readonly messages: readonly UIMessage[];
}

interface Remains {
  readonly chunks: readonly UIMessageChunk[];
  readonly effects: readonly string[];
  readonly finished: readonly Finished[];
}

/** What all writers of the run have left behind. */
async function remainsIn(folder: string): Promise<Remains> {
  const lines = (name: string): string[] =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean) : [];
  const log = sqliteLog({ path: join(folder, 'chats.db') });
  try {
    const { frames } = await log.read(key, { from: 0 });
    const chunks = frames.flatMap((frame) => [...frame.chunks]);
    return { chunks, effects: lines('effects'), finished: lines('finished').map((line) => JSON.parse(line)) };
  } finally {
    await log.close();
  }
}

async function expectOneAnswer({ chunks, effects, finished }: Remains, what: string): Promise<void> {
  // No tool takes effect twice.
  expect([...new Set(effects)], what).toEqual(effects);
  expect(
    finished.map(({ outcome }) => outcome),
    what,
  ).toEqual(['finish']);
  const live = await sdkFold([...chunks]);
  expect(canonical(await sdkFold(compact([...chunks]))), what).toBe(canonical(live));
  expect(canonical(finished[0]?.messages.at(-1)), what).toBe(canonical(live));
  expect(
    chunks.filter(({ type }) => type === 'start'),
    what,
  ).toHaveLength(1);
  const open = live?.parts.filter((part) =>
    /streaming|input-available/.test(String((part as { state?: string }).state)),
  );
  expect(open, what).toEqual([]);
}

/** Kills a writer behind each of these appends of its own, one after the other. Answers how many were killed; the next one then finishes. */
async function killWriters(...kills: readonly number[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'killed-writers-'));
  try {
    let killed = 0;
    for (const killAt of kills) {
      if (!(await isKilled(folder, killAt, killed))) break;
      killed += 1;
    }
    if (killed === kills.length) await writeRun({ folder, killAt: 0, aheadMs: killed * aheadMs });
    await expectOneAnswer(await remainsIn(folder), `killed behind ${kills.join(', then ')}`);
    return killed;
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('a run whose writer is killed behind an append', () => {
  it('goes on in another process: one answer, no tool twice, saved once', { timeout: 240_000 }, async () => {
    let killAt = 1;
    while ((await killWriters(killAt)) === 1) killAt += 1;
    // Every chunk is an append of its own here.
    expect(killAt).toBeGreaterThan(35);
  });

  // In front of a step, in a step that runs again, with calls in flight, between two steps, and in the last one.
  it.each([
    [1, 1],
    [1, 14],
    [6, 4],
    [12, 20],
    [19, 2],
    [20, 9],
    [24, 1],
    [33, 3],
  ])('and is killed again: behind append %i, then %i', { timeout: 60_000 }, async (first, second) => {
    expect(await killWriters(first, second)).toBe(2);
  });
});
