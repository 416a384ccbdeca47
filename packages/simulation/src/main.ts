import { runSeed } from './run-seed.ts';
const seeds = Number(process.argv[3] ?? 100), first = Number(process.argv[2] ?? 1);
const verbose = process.argv[4];
let failed = 0;
const t = performance.now();
const kinds: Record<string, number> = {};
const reasons: Record<string, number[]> = {};
const chunkCounts: number[] = [];
process.on('unhandledRejection', (e) => { console.log('UNHANDLED', e); });
for (let s = first; s < first + seeds; s++) {
  const r = await runSeed(s, !!verbose);
  chunkCounts.push(...r.runs);
  for (const k of Object.keys(r.faults)) kinds[k] = (kinds[k] ?? 0) + 1;
  if (r.failures.length) {
    failed++;
    const key = (r.failures[0] as string).split('\n')[0]!.replace(/n?\d+(-\w+)*|[\w]{16}|device\S+/g, '#').slice(0, 150);
    (reasons[key] ??= []).push(s);
    if (verbose) { console.log(r.trace.join('\n')); console.log(r.failures.join('\n')); }
  }
}
const dt = performance.now() - t;
console.log({ seeds, failed, perSecond: (seeds / dt) * 1000, medianChunks: chunkCounts.sort((a, b) => a - b)[chunkCounts.length >> 1] , runsPerSeed: chunkCounts.length/seeds});
console.log(kinds);
for (const [k, v] of Object.entries(reasons).sort((a, b) => b[1].length - a[1].length)) console.log(v.length, k, v.slice(0, 6).join(' '));
