import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vitest/config';
import shared from '../../vitest.shared.ts';
import { mutants } from './mutants/mutants.ts';

const folder = import.meta.dirname;
const suffix = '?mutant=';

/** Loads this package's modules again behind each `import('…?mutant=<id>')`, the mutant's file with its mistake. */
const plugin: Plugin = {
  name: 'mutants',
  enforce: 'pre',
  async resolveId(source, importer, options) {
    const [name = '', named] = source.split(suffix);
    const [from, id = named] = importer?.split(suffix) ?? [];
    if (!id) return undefined;
    const resolved = await this.resolve(name, from, { ...options, skipSelf: true });
    const isOurs = resolved?.id.startsWith(`${folder}/`) && !resolved.id.includes('/node_modules/');
    return resolved && isOurs ? resolved.id + suffix + id : resolved;
  },
  load(module) {
    const [path = '', id] = module.split(suffix);
    if (!id) return undefined;
    const text = readFileSync(path, 'utf8');
    const mutant = mutants.find((each) => each.id === id && join(folder, each.file) === path);
    if (!mutant) return text;
    if (text.split(mutant.find).length !== 2) throw new Error(`Mutant ${id}: its place is not once in ${mutant.file}.`);
    return text.replace(mutant.find, () => mutant.replace);
  },
};

export default defineConfig({
  ...shared,
  plugins: [plugin],
  // A cache of loaded modules does not know of mistakes.
  test: { ...shared.test, include: ['mutants/*.test.ts'], fsModuleCache: false },
});
