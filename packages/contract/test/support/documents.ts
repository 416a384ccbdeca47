import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import type { Plugin } from 'vitest/config';
import { readSnippets } from '../../../../scripts/snippets.ts';

const suiteCalls = 'describeProviderContract(contract);\ndescribeTransportContract(contract);';

/**
 * Lets a test import a page: the module is all of its code blocks, one after the other, with the packages that this package finds.
 * Without `runsSuites` it leaves out the page's last lines, which run the suites. `textOf` may answer another text for a module.
 */
export function documents({
  runsSuites,
  textOf,
}: {
  readonly runsSuites: boolean;
  readonly textOf?: (module: string) => string | undefined;
}): Plugin {
  return {
    name: 'documents',
    enforce: 'pre',
    resolveId(source, importer, options) {
      if (!importer?.endsWith('.md') || source.startsWith('.')) return undefined;
      return this.resolve(source, import.meta.filename, options);
    },
    load(id) {
      const [path = ''] = id.split('?');
      if (!path.endsWith('.md')) return undefined;
      const { snippets } = readSnippets(path, textOf?.(id) ?? readFileSync(path, 'utf8'));
      const code = stripTypeScriptTypes(snippets.map((snippet) => snippet.code).join('\n'));
      if (!code.includes(suiteCalls)) throw new Error(`${path} does not call ${suiteCalls}`);
      return runsSuites ? code : code.replace(suiteCalls, '');
    },
  };
}
