import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkLinks } from '../check-links.ts';

let site: string;

beforeEach(() => {
  site = mkdtempSync(join(tmpdir(), 'site-'));
});
afterEach(() => rmSync(site, { recursive: true }));

function put(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(site, name)), { recursive: true });
    writeFileSync(join(site, name), text);
  }
}

test('accepts links to pages, headings and files of the site', () => {
  put({
    'index.html':
      '<h2 id="top"></h2><a href="/docs/client#errors">a</a><a href="#top">b</a><a href="/docs/llms.txt">c</a>',
    'client.html': '<h2 id="errors"></h2><a href="./">home</a><a href="https://example.com">away</a>',
    'llms.txt': '',
  });
  expect(checkLinks(site, '/docs/')).toEqual({ links: 4, problems: [] });
});

test('reports a missing page and a missing heading', () => {
  put({ 'index.html': '<a href="/server">a</a><a href="/client#nothing">b</a>', 'client.html': '' });
  expect(checkLinks(site, '/').problems).toEqual([
    'index.html: there is no /server',
    'index.html: /client#nothing names no heading',
  ]);
});

test('reports what a page loads from another host', () => {
  put({
    'index.html': '<script async src="https://example.com/a.js"></script>',
    'a.css': 'a{src:url(//example.com/a.woff2)}',
  });
  expect(checkLinks(site, '/').problems).toEqual([
    'index.html: loads https://example.com/a.js',
    'a.css: loads //example.com/a.woff2',
  ]);
});

test('reports an image that is missing from a page, and one that is missing beside its Markdown', () => {
  put({
    'index.html': '<img alt="" src="/docs/assets/a.svg"><img alt="" src="/docs/b.svg"><img src="data:,">',
    'deep/page.md': '![a](../assets/a.svg) ![c](images/c.svg)\n\n```md\n![d](d.svg)\n```\n',
    'assets/a.svg': '',
  });
  expect(checkLinks(site, '/docs/').problems).toEqual([
    'index.html: there is no image /docs/b.svg',
    'deep/page.md: there is no image images/c.svg',
  ]);
});
