import type { Mutant } from './mutant.ts';

const folder = 'packages/core/src/wire';

/** Wires that break a promise. */
export const wireMutants: readonly Mutant[] = [
  {
    id: 'wire-takes-any-frame',
    file: `${folder}/frame-codec.ts`,
    find: "if (kind && base(frame) && kind.is(frame)) return kind.name === 'packed' ? unpacked(frame) : frame;",
    replace: 'return frame;',
    killedBy: 'frames/malformed',
  },
  {
    id: 'wire-refuses-what-is-new',
    file: `${folder}/frame-codec.ts`,
    find: 'return (value) =>\n    Object.entries(checks)',
    replace:
      'return (value) =>\n    Object.keys(value as object).every((name) => name !== "sentAt" && name !== "presence") && Object.entries(checks)',
    killedBy: 'frames/newer-server',
  },
  {
    id: 'wire-unpacks-backwards',
    file: `${folder}/packed-chunks.ts`,
    find: 'return texts.map((text)',
    replace: 'return texts.reverse().map((text)',
    killedBy: 'publish/merged',
  },
  {
    id: 'wire-packs-other-parts',
    file: `${folder}/packed-chunks.ts`,
    find: ' && next.id === delta.id',
    replace: '',
    killedBy: 'publish/two-parts',
  },
  {
    id: 'replay-drops-a-field',
    file: `${folder}/compact.ts`,
    find: 'if (!this.#active.delete(key)) this.#closeAll();',
    replace: 'chunk = { type: chunk.type, id: chunk.id } as typeof chunk;\n    this.#active.delete(key);',
    killedBy: 'reload/every-part',
  },
  {
    id: 'replay-runs-tools-again',
    file: `${folder}/compact.ts`,
    find: 'if (quiet || !input?.answered || input.frozen || !canBeSilent(chunk, input.next)) {',
    replace: 'if (quiet || input) {',
    killedBy: 'reload/tool-once',
  },
  {
    id: 'coalescer-merges-other-parts',
    file: `${folder}/coalescer.ts`,
    find: 'if (key !== undefined && last?.key === key) {',
    replace: 'if (key !== undefined && last?.key !== undefined) {',
    killedBy: 'chunks/two-at-once',
  },
];
