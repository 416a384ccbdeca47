import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ChatTransportError, type ErrorCode } from '../../packages/core/src/errors.ts';
import { errorJson } from '../../packages/core/src/server/http/http-errors.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The codes of the type `ErrorCode`, in the order of its source. */
function codesInSource(): readonly ErrorCode[] {
  const union = /export type ErrorCode =([^;]+);/.exec(read('packages/core/src/errors.ts'))?.[1] ?? '';
  return [...union.matchAll(/'([\w-]+)'/g)].map(([, code]) => code as ErrorCode);
}

/** The rows of a document's tables whose first cell is a code, for the table under the heading. */
function rowsUnder(heading: string, path: string): readonly string[][] {
  const [, section = ''] = read(path).split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', ''))
      .slice(1, -1),
  );
}

const sorted = (codes: readonly (string | undefined)[]): readonly (string | undefined)[] => [...codes].sort();
const codes = codesInSource();

it('finds the codes in the source', () => {
  expect(codes).toContain('busy');
  expect(codes.length).toBe(new Set(codes).size);
});

it('lists every code on the page of errors, with the status and the retry of the code', () => {
  const rows = rowsUnder('Every code', 'docs/errors.md');
  expect(sorted(rows.map(([code]) => code))).toEqual(sorted(codes));
  for (const [code, status, again] of rows as [ErrorCode, string, string][]) {
    const { retryable } = new ChatTransportError({ code, message: '' });
    expect([code, status, again]).toEqual([code, String(errorJson(code, '').status), retryable ? 'yes' : 'no']);
  }
});

it('suggests a text for every code', () => {
  const rows = rowsUnder('What to tell people', 'docs/errors.md');
  expect(sorted(rows.map(([code]) => code))).toEqual(sorted(codes));
  for (const [code, text] of rows) expect(text, code).toMatch(/\.$/);
});

it('lists every code in the protocol, with its status', () => {
  const rows = rowsUnder('8. Errors', 'PROTOCOL.md');
  expect(sorted(rows.map(([code]) => code))).toEqual(sorted(codes));
  for (const [code, status] of rows as [ErrorCode, string][])
    expect([code, status]).toEqual([code, String(errorJson(code, '').status)]);
});
