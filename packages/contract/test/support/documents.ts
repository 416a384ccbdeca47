import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import type { Plugin } from 'vitest/config';
import { readSnippets } from '../../../../scripts/snippets.ts';

const suiteCall = 'describeProviderContract(contract);';

/**
 * Lets a test import a page: the module is all of its code blocks, one after the other, with the packages that this package finds.
 * Without `runsSuite` it leaves out the page's last line, which runs the suite. `mutant` replaces the page's text.
 */
export function documents({
  runsSuite,
  mutant,
}: {
  readonly runsSuite: boolean;
  readonly mutant?: { readonly id: string; readonly text: () => string } | undefined;
}): Plugin {
  return {
    name: 'documents',
    enforce: 'pre',
    resolveId(source, importer, options) {
      if (!importer?.endsWith('.md') || source.startsWith('.')) return undefined;
      return this.resolve(source, import.meta.filename, options);
    },
    load(id) {
      if (!id.endsWith('.md')) return undefined;
      const { snippets } = readSnippets(id, mutant?.text() ?? readFileSync(id, 'utf8'));
      const code = stripTypeScriptTypes(snippets.map((snippet) => snippet.code).join('\n'));
      if (!code.includes(suiteCall)) throw new Error(`${id} does not call ${suiteCall}`);
      const module = runsSuite ? code : code.replace(suiteCall, '');
      return mutant ? `${module}\nObject.assign(globalThis, { loadedMutant: '${mutant.id}' });\n` : module;
    },
  };
}
