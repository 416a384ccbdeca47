import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pagesFolder } from './collect.ts';
import type { Page } from './pages.ts';

/** The generated pages of the API reference, the overview first. */
export function apiPages(): readonly Omit<Page, 'source'>[] {
  const names = globSync('**/*.md', { cwd: join(pagesFolder, 'api') }).map((name) => name.replace(/\.md$/, ''));
  return names
    .sort((a, b) => Number(b === 'index') - Number(a === 'index') || a.localeCompare(b))
    .map((name) => ({ target: `api/${name}.md`, title: name === 'index' ? 'Overview' : name }));
}
