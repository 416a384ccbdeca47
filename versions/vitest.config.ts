// Runs suites with other versions of the AI SDK and of zod: those of the folder that VERSIONS names.
import { basename, dirname, join } from 'node:path';
import { defineConfig, mergeConfig, type Plugin } from 'vitest/config';
import { documents } from '../packages/contract/test/support/documents.ts';
import shared from '../vitest.shared.ts';

const folder = join(import.meta.dirname, process.env.VERSIONS ?? '');
const isClientOnly = basename(folder).startsWith('client-');

/** The parts of core that a page loads. The server beside them keeps its own version, as it does where apps are deployed apart. */
const clientFiles = /packages\/core\/(src\/(client|wire|index)|test\/client\/ai-versions)/;

/** React as well: the hook of `@ai-sdk/react` and what renders it must have the same copy of it. */
const replaced = /^(ai|@ai-sdk\/react|react|react-dom|zod)(\/|$)/;

function otherVersions(): Plugin {
  return {
    name: 'other-versions',
    enforce: 'pre',
    resolveId(source, importer = '', options) {
      if (!replaced.test(source) || importer.includes('/node_modules/')) return undefined;
      if (isClientOnly && !clientFiles.test(importer)) return undefined;
      return this.resolve(source, join(folder, 'package.json'), { ...options, skipSelf: true });
    },
  };
}

const suites = isClientOnly
  ? ['packages/core/test/client/ai-versions.test.ts']
  : [
      'packages/contract/test/*.test.ts',
      'packages/core/test/server/stock-client.test.ts',
      'packages/core/test/react/*.test.tsx',
    ];

// Without `module`, which earlier versions' dependencies have for bundlers: vitest gives its conditions to Node.
const conditions = ['@chat-transport/source', 'node', 'development|production'];

export default mergeConfig(
  { test: shared.test },
  defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    root: dirname(import.meta.dirname),
    plugins: [otherVersions(), documents({ runsSuites: true })],
    test: { include: suites },
  }),
);
