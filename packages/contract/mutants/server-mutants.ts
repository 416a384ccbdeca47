import type { Mutant } from './mutant.ts';

const folder = 'packages/core/src/server';

/** Servers that break a promise. */
export const serverMutants: readonly Mutant[] = [
  {
    id: 'server-drops-the-last-chunk',
    file: `${folder}/run-writer.ts`,
    find: 'this.#take(chunk);\n      if',
    replace: "if (chunk.type !== 'finish') this.#take(chunk);\n      if",
    killedBy: 'delivery/every-chunk',
  },
  {
    id: 'server-lets-a-stopped-model-talk',
    file: `${folder}/run-writer.ts`,
    find: 'if (!this.#abort.signal.aborted) this.#abort.abort(reason);',
    replace: '',
    killedBy: 'cancel/stops-the-model',
  },
  {
    id: 'server-hears-no-cancel-from-elsewhere',
    file: `${folder}/run-task.ts`,
    find: 'if (news.end) stopNow();',
    replace: 'if (news.end) return;',
    killedBy: 'cancel/another-process',
  },
  {
    id: 'server-hears-no-steer-from-elsewhere',
    file: `${folder}/steers.ts`,
    find: 'for (const signal of signals) void this.takeOne(signal);',
    replace: 'void signals;',
    killedBy: 'steer/another-process',
  },
  {
    id: 'server-reads-the-model-without-limit',
    file: `${folder}/run-writer.ts`,
    find: 'while (this.#coalescer.isFull && !this.#stopped)',
    replace: 'while (this.#coalescer.isFull && this.#stopped)',
    killedBy: 'slow/log',
  },
  {
    id: 'server-never-renews-its-lease',
    file: `${folder}/run-watch.ts`,
    find: "void repeat('renew', () => log.renew(run, fence), renewEveryMs);",
    replace: 'void renewEveryMs;',
    killedBy: 'server/silence',
  },
  {
    id: 'server-ignores-its-deadline',
    file: `${folder}/run-task.ts`,
    find: "clock.setTimeout(() => writer.stop('deadline'), deadlineMs);",
    replace: 'undefined;',
    killedBy: 'server/deadline',
  },
  {
    id: 'server-lets-everybody-in',
    file: `${folder}/authorize.ts`,
    find: 'if (result === true) return {};',
    replace: 'if (!(result instanceof Object)) return {};',
    killedBy: 'credential/missing',
  },
  {
    id: 'server-lets-everybody-read',
    file: `${folder}/route-stream.ts`,
    find: "await context.allow(request, chatId, 'read');",
    replace: '',
    killedBy: 'credential/expired',
  },
  {
    id: 'server-lets-everybody-signal',
    file: `${folder}/route-signal.ts`,
    find: "await context.allow(request, chatId, 'signal');",
    replace: '',
    killedBy: 'credential/other-chat',
  },
  {
    id: 'server-saves-no-lost-answer',
    file: `${folder}/finish.ts`,
    find: "void finish(run, 'lost');",
    replace: '',
    killedBy: 'server/lost-writer',
  },
  {
    id: 'server-replays-without-earlier-parts',
    file: `${folder}/stream-run.ts`,
    find: 'if (view.withEarlierParts) opening +=',
    replace: 'if (!view) opening +=',
    killedBy: 'reload/continuation',
  },
  {
    id: 'server-replays-chunk-by-chunk',
    file: `${folder}/stream-run.ts`,
    find: 'const snapshot = compact(chunks);',
    replace: 'const snapshot = compact([]);',
    killedBy: 'reload/compacted',
  },
  {
    id: 'server-tells-secrets',
    file: `${folder}/run-writer.ts`,
    find: 'return this.#engine.options.onError(error);',
    replace: 'return String(error);',
    killedBy: 'delivery/failure',
  },
];
