import type { Mutant } from './mutant.ts';

const core = 'packages/core/src';

/** Wires and clients that break a promise. */
export const wireMutants: readonly Mutant[] = [
  {
    id: 'client-shows-doubled-frames',
    file: `${core}/client/sequencer.ts`,
    find: 'const chunks: UIMessageChunk[] = [];',
    replace: 'const chunks = "chunks" in frame && frame.at < this.position ? [...frame.chunks] : [];',
    killedBy: 'gap/doubled',
  },
  {
    id: 'client-skips-gaps',
    file: `${core}/client/sequencer.ts`,
    find: "if ('chunks' in frame && isNear) this.#held.set(frame.at, frame);",
    replace:
      'if ("chunks" in frame && frame.at >= this.position) {\n      this.position = frame.next;\n      return [...frame.chunks];\n    }',
    killedBy: 'gap/lost',
  },
  {
    id: 'client-takes-the-end-for-the-whole',
    file: `${core}/client/sequencer.ts`,
    find: 'return this.#end && this.position >= this.#end.at ? this.#end.end.reason : undefined;',
    replace: 'return this.#end?.end.reason;',
    killedBy: 'gap/only-the-end',
  },
  {
    id: 'client-trusts-eof',
    file: `${core}/client/sse-reader.ts`,
    find: 'if (done) return;',
    replace: "if (done) return handler.onFrame({ v: wireVersion, run, turn, at: from, end: { reason: 'finish' } });",
    killedBy: 'fallback/eof',
  },
  {
    id: 'client-shows-a-lost-answer-as-finished',
    file: `${core}/client/run-stream.ts`,
    find: "reason === 'cancel' || reason === 'finish'",
    replace: "reason !== 'error'",
    killedBy: 'server/lost-writer',
  },
  {
    id: 'client-believes-any-frame',
    file: `${core}/wire/frame-codec.ts`,
    find: 'if (kinds.some((isKind) => isKind(frame)) && isSound(frame)) return frame;',
    replace: 'return frame;',
    killedBy: 'frames/malformed',
  },
  {
    id: 'replay-drops-a-field',
    file: `${core}/wire/compact.ts`,
    find: 'if (!this.#active.delete(key)) this.#closeAll();',
    replace: 'chunk = { type: chunk.type, id: chunk.id } as typeof chunk;\n    this.#active.delete(key);',
    killedBy: 'reload/every-part',
  },
  {
    id: 'replay-runs-tools-again',
    file: `${core}/wire/compact.ts`,
    find: 'if (quiet || !input?.answered || input.frozen) {',
    replace: 'if (quiet || input) {',
    killedBy: 'reload/tool-once',
  },
  {
    id: 'coalescer-merges-other-parts',
    file: `${core}/wire/coalescer.ts`,
    find: 'if (key !== undefined && last?.key === key) {',
    replace: 'if (key !== undefined && last?.key !== undefined) {',
    killedBy: 'delivery/two-at-once',
  },
];
