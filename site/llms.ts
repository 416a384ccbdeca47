import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { apiPages } from './api-pages.ts';
import { pagesFolder } from './collect.ts';
import { type Page, sections } from './pages.ts';

/**
 * Puts the Markdown of each page beside its HTML, with the images that it names, and `llms.txt`, a list of them all (https://llmstxt.org), at the root of the site.
 * @returns the number of pages.
 */
export function writeMarkdown(outDir: string): number {
  const groups = [...sections, { title: 'API reference', pages: apiPages() }];
  const list = groups.map(({ title, pages }) => `## ${title}\n\n${pages.map(entryOf).join('\n')}\n`);
  const [first] = sections[0]?.pages ?? [];
  const about = first ? summaryOf(first.target) : '';
  writeFileSync(join(outDir, 'llms.txt'), `# chat-transport\n\n> ${about}\n\n${list.join('\n')}`);
  const targets = groups.flatMap(({ pages }) => pages.map(({ target }) => target));
  const images = globSync('**/*.{svg,png,jpg,webp}', { cwd: pagesFolder });
  for (const file of [...targets, ...images]) {
    mkdirSync(dirname(join(outDir, file)), { recursive: true });
    copyFileSync(join(pagesFolder, file), join(outDir, file));
  }
  return targets.length;
}

function entryOf({ title, target }: Omit<Page, 'source'>): string {
  const summary = target.startsWith('api/') ? '' : summaryOf(target);
  return `- [${title}](${target})${summary === '' ? '' : `: ${summary}`}`;
}

/** The first sentence of a page's text, without its links and marks. */
function summaryOf(target: string): string {
  const blocks = readFileSync(join(pagesFolder, target), 'utf8').split(/\n{2,}/);
  const text = blocks.find((block) => /^[\w[`*]/.test(block)) ?? '';
  const plain = text.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
  return (/^[\s\S]*?\.(?=\s|$)/.exec(plain)?.[0] ?? plain).replaceAll(/\s+/g, ' ');
}
