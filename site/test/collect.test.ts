import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { convert, root } from '../collect.ts';
import { pages } from '../pages.ts';

const page = { source: 'docs/client.md', target: 'client.md', title: 'Client' };
const textOf = (markdown: string): string => convert(page, markdown).text;

test('a link to a file of the repository leads to its page', () => {
  expect(textOf('[server](server.md)')).toBe('[server](./server.md)');
  expect(textOf('[codes](../PROTOCOL.md#8-errors)')).toBe('[codes](./protocol.md#8-errors)');
  expect(textOf('[`redisLog`](../packages/redis)')).toBe('[`redisLog`](./packages/redis.md)');
});

test('a link to a file that is not on the site becomes plain text', () => {
  expect(textOf('see [the build](../turbo.json) and [home](https://example.com)')).toBe(
    'see the build and [home](https://example.com)',
  );
});

test('an image stays in its page and is copied beside it', () => {
  const image = '![A chunk goes to the devices.](images/chunk.svg)';
  expect(convert(page, image)).toEqual({ text: image, problems: [], images: ['images/chunk.svg'] });
});

test('a link to nothing is reported with its file and line', () => {
  expect(
    convert(page, 'one\n\n<!-- snippet: prelude\ndeclare const id: string;\n-->\n\n[two](no-page.md)').problems,
  ).toEqual(['docs/client.md:7: there is no no-page.md']);
});

test('a page does not show the declarations of its code blocks', () => {
  expect(textOf('one\n\n<!-- snippet: prelude\ndeclare const id: string;\n-->\n\ntwo')).toBe('one\n\ntwo');
});

test('code keeps what looks like a link or a comment', () => {
  const code = '```md\n<!-- snippet: prelude\n-->\n[a](b.md)\n```';
  expect(textOf(code)).toBe(code);
});

test('every document, example and published package has a page', () => {
  const documents = globSync(['docs/**/*.md', 'examples/*/README.md', 'packages/*/README.md'], { cwd: root });
  const published = documents.filter((document) => !isInternal(dirname(document)));
  expect(published.length).toBeGreaterThan(40);
  const onTheSite = new Set(pages.map(({ source }) => source));
  expect(published.filter((document) => !onTheSite.has(document))).toEqual([]);
});

/** What only this repository needs: packages that are not published, and the code that the examples share. */
function isInternal(folder: string): boolean {
  if (!folder.startsWith('packages/')) return folder === 'examples/support';
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')).private === true;
}
