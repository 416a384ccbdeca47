import { describe, expect, it } from 'vitest';
import { readSnippets } from '../snippets.ts';

const page = (...lines: string[]): string => lines.join('\n');

describe('readSnippets', () => {
  it('finds ts and tsx blocks with the line their code begins on, and leaves other languages alone', () => {
    const text = page(
      '# Title',
      '```ts',
      'const a = 1;',
      '```',
      '```sh',
      'npm test',
      '```',
      '  ```tsx',
      '  <p />;',
      '  ```',
    );
    expect(readSnippets('README.md', text)).toEqual({
      snippets: [
        { document: 'README.md', line: 3, language: 'ts', code: 'const a = 1;' },
        { document: 'README.md', line: 9, language: 'tsx', code: '<p />;' },
      ],
      problems: [],
    });
  });

  it('gives a block the last prelude above it', () => {
    const block = ['```ts', 'use(a);', '```'];
    const text = page(
      ...block,
      '<!-- snippet: prelude',
      'declare const a: 1;',
      '-->',
      ...block,
      '<!-- snippet: prelude',
      '-->',
      ...block,
    );
    expect(readSnippets('README.md', text).snippets.map((each) => each.prelude?.code)).toEqual([
      undefined,
      'declare const a: 1;',
      undefined,
    ]);
  });

  it('lets only PROTOCOL.md leave a block unchecked', () => {
    const text = page('```ts no-check', 'frame = start | chunks', '```');
    expect(readSnippets('PROTOCOL.md', text)).toEqual({ snippets: [], problems: [] });
    expect(readSnippets('docs/guide.md', text)).toEqual({
      snippets: [],
      problems: ['docs/guide.md:1: only PROTOCOL.md may mark a block no-check'],
    });
  });

  it.each([
    [
      'a language that would escape the check',
      page('```typescript', 'x;', '```'),
      /:1: write ```ts or ```tsx, not typescript/,
    ],
    ['a mark it does not know', page('```ts nocheck', 'x;', '```'), /:1: unknown mark "nocheck"/],
    ['a block that never closes', page('', '```ts', 'x;'), /:2: opened here and never closed/],
    ['a misspelt prelude', page('<!-- snippet: preluded', '-->'), /:1: a snippet comment must be/],
  ])('names the line of %s', (_, text, problem) => {
    expect(readSnippets('README.md', text).problems).toEqual([expect.stringMatching(problem)]);
  });
});
