import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { faultKinds } from '../src/faults.ts';
import { keptSeeds } from '../src/kept-seeds.ts';
import { mutants } from '../src/mutants.ts';
import { runMany } from '../src/run-many.ts';
import { runSeed } from '../src/run-seed.ts';

describe('the simulation', () => {
  it('tells the same story again for the same seed, to the letter', async () => {
    for (const seed of [1, 4, 15]) {
      const once = await runSeed(seed, { isVerbose: true });
      const again = await runSeed(seed, { isVerbose: true });
      expect(again.trace).toEqual(once.trace);
      expect(again).toEqual(once);
    }
  });

  it('leaves every device with the same conversation, whatever fails', { timeout: 900_000 }, async () => {
    const result = await runMany({ first: 1, seeds: 400, workers: availableParallelism(), stopAfter: 1 });
    expect(result.failed.map(({ seed, failures }) => ({ seed, failures }))).toEqual([]);
    const rare = faultKinds.filter((kind) => (result.faults.get(kind)?.seeds ?? 0) < result.seedsRun / 5);
    expect(rare, 'faults that hit less than a fifth of the seeds').toEqual([]);
    expect(result.chunksPerRun[result.chunksPerRun.length >> 1]).toBeGreaterThanOrEqual(100);
    expect(result.devices[result.devices.length >> 1]).toBe(2);
    expect(result.silences).toBeGreaterThan(0);
    expect(result.steered).toBeGreaterThan(20);
    expect(result.continued).toBeGreaterThan(20);
    expect(result.approvals).toBeGreaterThan(20);
    expect(result.crowds).toBeGreaterThan(0);
    expect(result.uploads.arrived).toBeGreaterThan(10);
    expect(result.uploads.broken).toBeGreaterThan(5);
  });
});

describe('a seed that failed once', () => {
  it.for(keptSeeds)('$seed: $showed', async ({ seed, edition }) => {
    expect((await runSeed(seed, { edition })).failures).toEqual([]);
  });
});

describe('a mutant', () => {
  it.for(mutants)('$id changes one place', ({ file, find }) => {
    const source = readFileSync(new URL(`../../core/src/${file}`, import.meta.url), 'utf8');
    expect(source.split(find)).toHaveLength(2);
  });
});
