import { readFileSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schemaSql, schemaVersion } from '../src/index.ts';

let db: PGlite;
beforeAll(async () => {
  db = await PGlite.create();
});
afterAll(() => db.close());

it('is the file of the package', () => {
  expect(readFileSync(new URL('../schema.sql', import.meta.url), 'utf8')).toBe(schemaSql());
});

it('runs twice, in any schema, and keeps what is there', async () => {
  for (const schema of ['chat_transport', 'With "quotes" and spaces']) {
    await db.exec(schemaSql({ schema }));
    await db.exec(schemaSql({ schema }));
    const name = `"${schema.replaceAll('"', '""')}"`;
    const { rows } = await db.query(`select version from ${name}.version`);
    expect(rows).toEqual([{ version: schemaVersion }]);
  }
});

it('has no index on what every append changes', async () => {
  await db.exec(schemaSql());
  const { rows } = await db.query<{ indexdef: string }>(
    `select indexdef from pg_indexes where schemaname = 'chat_transport' and tablename = 'runs'`,
  );
  expect(rows.length).toBeGreaterThan(3);
  for (const { indexdef } of rows) expect(indexdef).not.toMatch(/lease_until|next/);
});
