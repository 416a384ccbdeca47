import { isBuiltin } from 'node:module';
import type { Snippet } from './snippets.ts';

/**
 * Names the packages that a page's blocks import and its `npm install` lines lack. A page without such a line is not checked: it
 * builds on another page. Preludes are not shown, so what they import is not needed.
 * @returns one sentence for each package, with the document's file and the line of the import's block.
 */
export function missingInstalls(document: string, text: string, snippets: readonly Snippet[]): string[] {
  const lines = text.split('\n').filter((line) => /^\s*npm install /.test(line));
  if (lines.length === 0) return [];
  const installed = new Set(lines.flatMap((line) => line.trim().split(/\s+/).slice(2)));
  const problems = new Map<string, string>();
  for (const { code, line } of snippets) {
    for (const name of importedPackages(code)) {
      if (installed.has(name) || problems.has(name)) continue;
      problems.set(name, `${document}:${line}: imports ${name}, which no "npm install" line of the page installs`);
    }
  }
  return [...problems.values()];
}

function importedPackages(code: string): string[] {
  const names = [...code.matchAll(/^\s*(?:import|export|\})[^'"\n]*['"]([^'"]+)['"];?\s*(?:\/\/.*)?$/gm)];
  return names
    .map(([, name = '']) => name)
    .filter((name) => !name.startsWith('.') && !name.includes(':') && !isBuiltin(name))
    .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
}
