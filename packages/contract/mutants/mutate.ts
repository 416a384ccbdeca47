import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vitest/config';
import type { Mutant } from './mutant.ts';
import { mutants } from './mutants.ts';

const root = join(import.meta.dirname, '../../..');
const suffix = '?mutant=';

/** The mutant's file with its mistake. @throws Error when the place is gone, or there are two: then the mutant must be written anew. */
export function mutated({ id, file, find, replace }: Mutant): string {
  const text = readFileSync(join(root, file), 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`Mutant ${id}: its place is ${count} times in ${file}.`);
  return text.replace(find, () => replace);
}

/** The text of a module of this repository in a mutant's world, if its mistake is there. */
export function mutatedModule(module: string): { readonly mutant: Mutant; readonly text: string } | undefined {
  const [path, id] = module.split(suffix);
  const mutant = mutants.find((each) => each.id === id);
  return mutant && join(root, mutant.file) === path ? { mutant, text: mutated(mutant) } : undefined;
}

/**
 * Each module that is imported with `?mutant=<id>` gets a world of its own: this repository's modules behind it are loaded anew, the mutant's
 * file with its mistake. And the suites wait as long as a mutant is worth.
 */
export function mutate(): Plugin {
  return {
    name: 'mutate',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      const [from, mutant = source.split(suffix)[1]] = importer?.split(suffix) ?? [];
      if (!mutant) return undefined;
      const [name = ''] = source.split(suffix);
      const resolved = await this.resolve(name, from, { ...options, skipSelf: true });
      if (!resolved) return resolved;
      const isOurs = resolved.id.startsWith(root) && !resolved.id.includes('/node_modules/');
      return isOurs ? resolved.id + suffix + mutant : resolved;
    },
    load(id) {
      const [path = '', mutant] = id.split(suffix);
      if (!mutant || path.endsWith('.md')) return undefined;
      return mutatedModule(id)?.text ?? readFileSync(path, 'utf8');
    },
    transform(code, id) {
      const waits = /contract\/src\/(stage\/wait|log\/log-helpers)\.ts/.test(id);
      if (waits) return code.replace('= 10_000', '= 2_500').replace('= 10000', '= 2500');
      // Says that the mistake was there: a case that fails without it proves nothing.
      const mutant = mutatedModule(id)?.mutant;
      return mutant && `${code}\n(globalThis.loadedMutants ??= new Set()).add('${mutant.id}');\n`;
    },
  };
}
