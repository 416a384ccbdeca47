import type { Mutant } from './mutant.ts';

const folder = 'packages/core/src/log';

/** Logs that break a promise. */
export const logMutants: readonly Mutant[] = [
  {
    id: 'log-forgets-the-fence',
    file: `${folder}/memory-store.ts`,
    find: 'run.row.fence !== fence || run.row.end',
    replace: '!fence || run.row.end',
    killedBy: 'log:append/wrong-fence',
  },
  {
    id: 'log-leaves-gaps',
    file: `${folder}/memory-store.ts`,
    find: 'if (frame && frame.at !== run.row.next) return undefined;',
    replace: 'if (frame && frame.at < run.row.next) return undefined;',
    killedBy: 'log:append/gap-or-overlap',
  },
  {
    id: 'log-refuses-a-retry',
    file: `${folder}/store-writing.ts`,
    find: '(lastFrame?.at === frame.at && lastFrame.chunks === frame.chunks)',
    replace: 'lastFrame === undefined',
    killedBy: 'log:append/retry',
  },
  {
    id: 'log-believes-any-retry',
    file: `${folder}/store-writing.ts`,
    find: '(lastFrame?.at === frame.at && lastFrame.chunks === frame.chunks)',
    replace: 'lastFrame?.at === frame.at',
    killedBy: 'log:append/retry',
  },
  {
    id: 'log-never-loses-a-writer',
    file: `${folder}/run-row.ts`,
    find: "return now >= lostAt ? { reason: 'lost', at: lostAt } : undefined;",
    replace: 'return void now;',
    killedBy: 'server/lost-writer',
  },
  {
    id: 'log-revives-a-lost-writer',
    file: `${folder}/memory-store.ts`,
    find: 'run.row.end || run.row.leaseUntil <= time',
    replace: 'run.row.end',
    killedBy: 'log:lease/final',
  },
  {
    id: 'log-forgets-a-cancel-before-begin',
    file: `${folder}/decide-begin.ts`,
    find: 'const cancelled = facts.parkedCancels.length > 0;',
    replace: 'const cancelled = facts.parkedCancels.length < 0;',
    killedBy: 'cancel/before-begin',
  },
  {
    id: 'log-takes-a-cancel-and-does-nothing',
    file: `${folder}/store-commands.ts`,
    find: 'return { answer: delivered, changes: { ends: [{ runId, end, cancelIds: [...row.cancelIds, id] }] } };',
    replace:
      "return { answer: delivered, changes: { ends: [{ runId: '', end, cancelIds: [...row.cancelIds, id] }] } };",
    killedBy: 'cancel/another-process',
  },
  {
    id: 'log-lets-two-runs-be-active',
    file: `${folder}/decide-begin.ts`,
    find: "if (newest && !endOf(newest, now)) return { type: 'busy', row: newest };",
    replace: '',
    killedBy: 'send/busy-reject',
  },
  {
    id: 'log-takes-stale-sends',
    file: `${folder}/decide-begin.ts`,
    find: 'init.baseTurn !== undefined && init.baseTurn < turn',
    replace: 'init.baseTurn !== undefined && init.baseTurn < 0',
    killedBy: 'devices/stale-send',
  },
  {
    id: 'log-continues-a-message-twice',
    file: `${folder}/decide-begin.ts`,
    find: "return reason !== 'lost' && reason !== 'error';",
    replace: "return reason === 'lost';",
    killedBy: 'devices/continue-once',
  },
  {
    id: 'log-wakes-nobody',
    file: `${folder}/memory-store.ts`,
    find: "if (frame) notices.notify(chatId, 'frames');",
    replace: 'void notices;',
    killedBy: 'log:wait/append',
  },
  {
    id: 'log-leaves-steers-open',
    file: `${folder}/store-commands.ts`,
    find: 'if (row && endOf(row, now)) return ended;',
    replace: '',
    killedBy: 'log:steer/receipt',
  },
  {
    id: 'log-takes-steers-behind-the-end',
    file: `${folder}/store-commands.ts`,
    find: 'if (endOf(row, facts.now)) return { answer: ended, changes: lostChange(row, facts) };\n  if (known)',
    replace: 'if (known)',
    killedBy: 'log:steer/after-end',
  },
];
