import { readFileSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresLog, schemaSql, schemaVersion } from '../src/index.ts';

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

describe('a database that is not ready is refused at the first use', () => {
  const open = (schema: string, role = 'postgres') =>
    postgresLog({
      schema,
      query: async (text, values) => {
        await db.exec(`set role ${role}`);
        try {
          return (await db.query<Record<string, unknown>>(text, [...values])).rows;
        } finally {
          await db.exec('reset role');
        }
      },
    });
  const refused = { code: 'provider-failed', retryable: false };

  it('without its tables, or with those of another version, until they are there', async () => {
    const log = open('later');
    await expect(log.state('c')).rejects.toMatchObject(refused);
    await expect(log.state('c')).rejects.toThrow(
      new RegExp(`schema version ${schemaVersion} .* no tables .* schema\\.sql`),
    );
    await db.exec(schemaSql({ schema: 'later' }));
    await db.exec('update later.version set version = 99');
    await expect(log.state('c')).rejects.toThrow(new RegExp(`schema version ${schemaVersion} .* version 99`));
    await db.exec(`update later.version set version = ${schemaVersion}`);
    expect((await log.state('c')).turn).toBe(0);
    await log.close();
  });

  it('with a role that has no rights, and then with no more than the documented ones', async () => {
    await db.exec(schemaSql({ schema: 'guarded' }));
    await db.exec('create role writer');
    const log = open('guarded', 'writer');
    await expect(log.state('c')).rejects.toMatchObject(refused);
    await expect(log.state('c')).rejects.toThrow(/may not use the log's tables .* usage on the schema "guarded"/);
    await db.exec('grant usage on schema guarded to writer');
    await db.exec('grant select, insert, update, delete on all tables in schema guarded to writer');
    const begun = await log.begin({
      ...{ chatId: 'c', runId: 'r', digest: 'd', messages: [], onBusy: 'reject', leaseMs: 60_000, fence: 'f' },
      start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
    });
    expect(begun.type).toBe('started');
    await log.close();
  });
});
