import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { capacityTable, measureCapacity } from '../scripts/measure-capacity.ts';

it('of the plans is what the README says, on a machine of any speed', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(capacityTable(await measureCapacity()));
  // Two answers of 500 words, with a hundred calls of the database each.
}, 300_000);
