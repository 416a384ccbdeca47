// What a project of each plan carries: `pnpm capacity`, `pnpm -s capacity --json`.
import { capacityTable, measureCapacity } from './measure-capacity.ts';

const capacity = await measureCapacity();
process.stdout.write(
  `${process.argv.includes('--json') ? JSON.stringify(capacity, null, 2) : capacityTable(capacity)}\n`,
);
