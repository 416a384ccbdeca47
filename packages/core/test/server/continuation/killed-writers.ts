import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Frame, RunLog } from '@chat-transport/core/provider';
import { createChatHandler } from '@chat-transport/core/server';
import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonical, sdkFold } from '../../wire/folds.ts';
import { runId, type WriterOptions, writeRun } from './write-run.ts';

/** A store whose runs outlive their writers. */
export interface KilledWriters {
  readonly name: string;
  /** The program of a writer: it opens the store and calls `writeRun` with the options that its first argument has as JSON. */
  readonly script: URL;
  /** The second argument of that program: where the store is. */
  readonly place: (folder: string) => string;
  /** Opens the store, with a clock that is so far ahead. */
  readonly open: (place: string, aheadMs: number) => Promise<{ readonly log: RunLog; close(): Promise<void> }>;
  /** Where all processes share the store's own clock: sets it ahead, so that no lease is valid any more. `open` then sets nothing. */
  readonly advance?: (ms: number) => Promise<unknown>;
}

/**
 * How far each writer's clock is ahead of the one before, in milliseconds: longer than a lease, and shorter by 40 s than a run waits for its next
 * writer, so that a slow machine changes nothing.
 */
const aheadMs = 20_000;
/**
 * Where a run is killed twice: with calls in flight, between two steps, in a step that runs again, in the last one, and in front of a step.
 */
const twice: readonly (readonly [number, number])[] = [
  ...([
    [12, 20],
    [19, 2],
    [6, 4],
    [24, 1],
  ] as const),
  ...([
    [1, 1],
    [1, 14],
    [20, 9],
    [33, 3],
  ] as const),
];

/** How many runs go on side by side, where each has clocks of its own. */
const together = 2;
/** How long a frozen process may take to be seen as such, in milliseconds. */
const freezeTimeoutMs = 20_000;

interface Finished {
  readonly outcome: string;
  readonly messages: readonly UIMessage[];
  readonly attempt: number;
  readonly writer: number;
}

/** One run with its writers, and the devices that show it. */
class KilledRun {
  readonly chatId: string = crypto.randomUUID();
  readonly #store: KilledWriters;
  readonly folder: string;
  readonly #program: string;

  constructor(store: KilledWriters, folder: string, program: string) {
    this.#store = store;
    this.folder = folder;
    this.#program = program;
  }

  /** Starts a writer in a process of its own. */
  start(options: Pick<WriterOptions, 'writer' | 'killAt' | 'signal'>): Writer {
    const all: WriterOptions = {
      ...{ chatId: this.chatId, folder: this.folder, aheadMs: options.writer * aheadMs },
      ...options,
    };
    const args = [this.#program, JSON.stringify(all), this.#store.place(this.folder)];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: dirname(this.#program) },
    });
    return new Writer(child);
  }

  /** Writes the run to its end, in this process. */
  async finish(writer: number): Promise<void> {
    await this.#with(writer * aheadMs, (log) =>
      writeRun(log, {
        ...{ chatId: this.chatId, folder: this.folder, writer, killAt: 0, signal: 'SIGKILL' },
        aheadMs: writer * aheadMs,
      }),
    );
  }

  /** What a stock client shows at the end: one that is there from now on, until the run ends. */
  device(): Promise<UIMessage | undefined> {
    return this.#with(0, async (log) => {
      await log.state(this.chatId, { after: 0, waitMs: freezeTimeoutMs });
      const stream = await stockClient(log).reconnectToStream({ chatId: this.chatId });
      let shown: UIMessage | undefined;
      if (stream) for await (const message of readUIMessageStream({ stream })) shown = message;
      return shown;
    });
  }

  lines(name: string): string[] {
    const file = join(this.folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  }

  /** The log's chunks, and what a page shows that loads now. */
  chunks(): Promise<{ readonly chunks: readonly UIMessageChunk[]; readonly reloaded: UIMessage | undefined }> {
    return this.#with(0, async (log) => {
      const { frames } = await log.read({ chatId: this.chatId, runId }, { from: 0 });
      const chunks = frames.flatMap((frame) => [...frame.chunks]);
      const state = await handlerOf(log)(new Request(`http://localhost/api/chat/${this.chatId}`));
      const { messages } = (await state.json()) as { readonly messages: readonly UIMessage[] };
      return { chunks, reloaded: messages.at(-1) };
    });
  }

  async #with<T>(ahead: number, work: (log: RunLog) => Promise<T>): Promise<T> {
    const { log, close } = await this.#store.open(this.#store.place(this.folder), ahead);
    try {
      return await work(log);
    } finally {
      await close();
    }
  }
}

class Writer {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  #errors = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exit = once(child, 'exit');
    child.stderr?.on('data', (data) => {
      this.#errors += data;
    });
  }

  /** Resolves when the process is over. Answers whether it was killed. */
  async isKilled(): Promise<boolean> {
    const [code, signal] = await this.#exit;
    if (signal !== 'SIGKILL' && code !== 0) throw new Error(`The writer failed (${code ?? signal}): ${this.#errors}`);
    return signal === 'SIGKILL';
  }

  /** Resolves when the process is frozen. */
  async isFrozen(): Promise<void> {
    const { pid } = this.#child;
    for (const deadline = Date.now() + freezeTimeoutMs; Date.now() < deadline; await sleep(5)) {
      // The state stands behind the program's name, which is in brackets.
      if (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('T')) return;
    }
    throw new Error(`The writer was not frozen: ${this.#errors}`);
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Makes one file of a program: it starts in a half of the time, and there are a hundred processes. */
async function bundle(script: string, program: string): Promise<void> {
  // What CommonJS parts of it call.
  const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  await build({
    ...{ entryPoints: [script], outfile: program, bundle: true, banner: { js: banner } },
    ...{ platform: 'node', format: 'esm', target: 'node22', conditions: ['@chat-transport/source'] },
    ...{ external: ['pg-native'], logLevel: 'warning' },
  });
}

function handlerOf(log: RunLog): (request: Request) => Promise<Response> {
  return createChatHandler({
    log,
    authorize: () => true,
    respond: () => {
      throw new Error('This process only reads.');
    },
  });
}

function stockClient(log: RunLog): DefaultChatTransport<UIMessage> {
  const handler = handlerOf(log);
  const fetch: typeof globalThis.fetch = (input, init) =>
    handler(new Request(new URL(String(input), 'http://localhost'), init));
  return new DefaultChatTransport({ fetch });
}

/** The run has one answer, which all devices show and which was saved once; no tool took effect twice. */
async function expectOneAnswer(run: KilledRun, devices: readonly (UIMessage | undefined)[], what: string) {
  const effects = run.lines('effects');
  expect([...new Set(effects)], what).toEqual(effects);
  const finished = run.lines('finished').map((line): Finished => JSON.parse(line));
  expect(
    finished.map(({ outcome }) => outcome),
    what,
  ).toEqual(['finish']);
  const { chunks, reloaded } = await run.chunks();
  const answer = await sdkFold([...chunks]);
  for (const shown of [reloaded, finished[0]?.messages.at(-1), ...devices]) {
    expect(canonical(shown), what).toBe(canonical(answer));
  }
  expect(
    chunks.filter(({ type }) => type === 'start'),
    what,
  ).toHaveLength(1);
  const open = answer?.parts.filter((part) =>
    /streaming|input-available/.test(String((part as { state?: string }).state)),
  );
  expect(open, what).toEqual([]);
}

/** Describes what must hold for a store whose writers are killed by real signals. */
export function describeKilledWriters(store: KilledWriters): void {
  let program: string;
  beforeAll(async () => {
    program = join(await mkdtemp(join(tmpdir(), 'writer-program-')), 'writer.mjs');
    await bundle(fileURLToPath(store.script), program);
  });
  afterAll(() => rm(dirname(program), { recursive: true }));

  const withRun = async <T>(work: (run: KilledRun) => Promise<T>): Promise<T> => {
    const folder = await mkdtemp(join(tmpdir(), 'killed-writers-'));
    try {
      return await work(new KilledRun(store, folder, program));
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  /** Kills a writer behind each of these appends of its own, one after the other. The next one finishes. Answers how many were killed. */
  const killWriters = (...kills: readonly number[]): Promise<number> =>
    withRun(async (run) => {
      const devices = [run.device()];
      let killed = 0;
      for (const killAt of kills) {
        if (!(await run.start({ writer: killed, killAt, signal: 'SIGKILL' }).isKilled())) break;
        killed += 1;
        await store.advance?.(aheadMs);
        // A device that comes late, while the run has no writer.
        devices.push(run.device());
      }
      if (killed === kills.length) await run.finish(killed);
      await expectOneAnswer(run, await Promise.all(devices), `killed behind ${kills.join(', then ')}`);
      return killed;
    });

  describe(`${store.name}: a run whose writer is killed behind an append`, () => {
    it('goes on in another process: one answer on every device, no tool twice, saved once', {
      timeout: 300_000,
    }, async () => {
      const appends = await withRun(async (run) => {
        await run.finish(0);
        return (await run.chunks()).chunks.length;
      });
      // Every chunk is an append of its own here.
      expect(appends).toBeGreaterThan(35);
      const kills = Array.from({ length: appends }, (_, index) => index + 1);
      const killed = Array.from({ length: store.advance ? 1 : together }, async () => {
        for (let killAt = kills.shift(); killAt; killAt = kills.shift()) expect(await killWriters(killAt)).toBe(1);
      });
      await Promise.all(killed);
    });

    it('and is killed again, the same', { timeout: 120_000 }, async () => {
      const kills = [...twice];
      const killed = Array.from({ length: store.advance ? 1 : together }, async () => {
        for (let both = kills.shift(); both; both = kills.shift()) expect(await killWriters(...both)).toBe(2);
      });
      await Promise.all(killed);
    });
  });

  describe(`${store.name}: a writer that is frozen beyond its lease, and goes on behind its successor`, () => {
    it.each([1, 12, 20, 33])(
      'writes, publishes and saves nothing: frozen behind append %i',
      { timeout: 60_000 },
      (killAt) =>
        withRun(async (run) => {
          const live = run.device();
          const writer = run.start({ writer: 0, killAt, signal: 'SIGSTOP' });
          try {
            await writer.isFrozen();
            await store.advance?.(aheadMs);
            await run.finish(1);
            const before = [await run.chunks(), run.lines('published-0'), run.lines('effects'), run.lines('finished')];
            writer.thaw();
            expect(await writer.isKilled()).toBe(false);
            const after = [await run.chunks(), run.lines('published-0'), run.lines('effects'), run.lines('finished')];
            // What the log had acknowledged before, it may still publish: it is a copy of what is there.
            expect(withoutAcknowledged(after, killAt)).toEqual(withoutAcknowledged(before, killAt));
            await expectOneAnswer(run, [await live], `frozen behind ${killAt}`);
          } finally {
            writer.end();
          }
        }),
    );
  });
}

function withoutAcknowledged(all: unknown[], acknowledged: number): unknown[] {
  const published = (all[1] as string[]).flatMap((line): Frame[] => [JSON.parse(line)].flat());
  return all.with(
    1,
    published.filter((frame) => !('next' in frame) || frame.next > acknowledged),
  );
}
