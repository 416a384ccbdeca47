import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import type { Plugin } from 'vitest/config';
import { readSnippets } from '../../../../scripts/snippets.ts';

/** Lets a test import a page: the module is all of its code blocks, one after the other, with the packages that this package finds. */
export function documents(): Plugin {
  return {
    name: 'documents',
    enforce: 'pre',
    resolveId(source, importer, options) {
      if (!importer?.endsWith('.md') || source.startsWith('.')) return undefined;
      return this.resolve(source, import.meta.filename, options);
    },
    load(id) {
      if (!id.endsWith('.md')) return undefined;
      const { snippets } = readSnippets(id, readFileSync(id, 'utf8'));
      return stripTypeScriptTypes(snippets.map(({ code }) => code).join('\n'));
    },
  };
}
