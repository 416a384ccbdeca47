import type { Mutant } from './mutant.ts';

const folder = 'packages/core/src/log';

/** Logs that break a promise. */
export const logMutants: readonly Mutant[] = [
  {
    id: 'log-forgets-the-fence',
    file: `${folder}/store-commands.ts`,
    find: 'return row.end !== undefined || row.fence !== fence;',
    replace: 'return row.end !== undefined || fence === undefined;',
    killedBy: 'log:append/wrong-fence',
  },
  {
    id: 'log-leaves-gaps',
    file: `${folder}/store-writing.ts`,
    find: 'if (at === row.next) {',
    replace: 'if (at >= row.next) {',
    killedBy: 'log:append/gap-or-overlap',
  },
  {
    id: 'log-refuses-a-retry',
    file: `${folder}/store-writing.ts`,
    find: 'const repeated = last?.at === at && last.chunks === chunks;',
    replace: 'const repeated = last === undefined;',
    killedBy: 'log:append/retry',
  },
  {
    id: 'log-believes-any-retry',
    file: `${folder}/store-writing.ts`,
    find: 'const repeated = last?.at === at && last.chunks === chunks;',
    replace: 'const repeated = last?.at === at;',
    killedBy: 'log:append/retry',
  },
  {
    id: 'log-never-loses-a-writer',
    file: `${folder}/run-row.ts`,
    find: "return now >= row.leaseUntil ? { reason: 'lost', at: row.leaseUntil } : undefined;",
    replace: 'return void now;',
    killedBy: 'server/lost-writer',
  },
  {
    id: 'log-revives-a-lost-writer',
    file: `${folder}/store-context.ts`,
    find: 'return end && !row.end ? context.update({ ...row, end }) : row;',
    replace: 'return end ? row : row;',
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
    find: "store.updateRun({ ...row, end: { reason: 'cancel', at: now }, cancelIds: [...row.cancelIds, signal.id] });",
    replace: 'void now;',
    killedBy: 'cancel/another-process',
  },
  {
    id: 'log-lets-two-runs-be-active',
    file: `${folder}/decide-begin.ts`,
    find: "if (active && init.onBusy === 'reject') return { type: 'busy', row: active };",
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
    file: `${folder}/store-context.ts`,
    find: 'wakeUps.notify(chatId);',
    replace: 'void chatId;',
    killedBy: 'log:wait/append',
  },
  {
    id: 'log-leaves-steers-open',
    file: `${folder}/store-commands.ts`,
    find: '  if (row.end) return ended;\n  if (!known)',
    replace: '  if (!known)',
    killedBy: 'steer/cancelled',
  },
];
