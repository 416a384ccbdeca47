import { backoffMs, type Clock, sleep } from '../../clock.ts';
import { deletionFrame } from '../../log/deletion-frame.ts';
import type { ChatState, ReadOptions, RunLog, RunRecord } from '../../log/run-log.ts';
import { channelMessage } from '../../wire/channel-message.ts';
import { type Frame, wireVersion } from '../../wire/frame.ts';
import { noteLost } from '../conversation/head.ts';
import { type Engine, keyOf } from '../engine.ts';
import { endFrameOf, startFrameOf } from '../http/sse-text.ts';
import { nextTurn } from './next-turn.ts';
import type { LogPage } from './read-run.ts';

/** How long one waiting read of the log lasts, in milliseconds. */
const feedWaitMs = 20_000;

/**
 * Hands over what other processes write to a chat, from now on: the log is the bus between processes. One call of the log waits at a time.
 * What is written here is left out, because the publisher has it: a run that another process goes on with is handed over from there on. Resolves once
 * everything that comes is handed over.
 */
export async function feedChat(
  engine: Engine,
  chatId: string,
  deliver: (data: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const feed = new ChatFeed(engine, chatId, deliver, signal);
  const state = await engine.options.log.state(chatId);
  void feed.run(state);
}

class ChatFeed {
  readonly #engine: Engine;
  readonly #log: RunLog;
  readonly #clock: Clock;
  readonly #chatId: string;
  readonly #deliver: (data: string) => void;
  readonly #signal: AbortSignal;
  #turn = 0;

  constructor(engine: Engine, chatId: string, deliver: (data: string) => void, signal: AbortSignal) {
    this.#engine = engine;
    this.#log = engine.options.log;
    this.#clock = engine.options.clock;
    this.#chatId = chatId;
    this.#deliver = deliver;
    this.#signal = signal;
  }

  async run({ turn, active }: ChatState): Promise<void> {
    this.#turn = turn;
    // Devices read the log themselves once they are subscribed: nothing from before is needed.
    if (active) await this.#follow(active, active.next);
    while (!this.#signal.aborted) {
      const state = await this.#ask('state', () =>
        this.#log.state(this.#chatId, { after: this.#turn, waitMs: feedWaitMs, signal: this.#signal }),
      );
      // A run that begins here informs its process a moment later.
      if (state && state.turn > this.#turn) await nextTurn(this.#clock);
      for (const run of state?.runs ?? []) {
        if (run.turn <= this.#turn || this.#signal.aborted) continue;
        this.#turn = run.turn;
        // The publisher has published the start of a run that began here.
        if (this.#engine.live.get(keyOf(run))?.record.attempt !== 1) this.#say([startFrameOf(run)]);
        await this.#follow(run, 0);
      }
      const { deletedTurn = 0 } = state ?? {};
      if (deletedTurn > this.#turn) this.#say([deletionFrame(deletedTurn)]);
      // The log may have dropped runs, or lost all that there was: then its newest run is handed over again, which tells devices so.
      if (state) this.#turn = state.turn < this.#turn ? Math.max(0, state.turn - 1) : state.turn;
    }
  }

  /** Hands over a run's frames from `from` on, and its end, without what is written here. */
  async #follow(run: RunRecord, from: number): Promise<void> {
    const { chatId, runId, turn } = run;
    const base = { v: wireVersion, run: runId, turn } as const;
    let knowsInterrupted = false;
    for (let position = from; !this.#signal.aborted; ) {
      const live = this.#engine.live.get(keyOf(run));
      if (live && position >= live.record.next) {
        while (!live.closed && !this.#signal.aborted) await live.changed.wait({ signal: this.#signal });
        if (live.ended) return;
        position = live.next;
        continue;
      }
      const wait: ReadOptions = { from: position, waitMs: feedWaitMs, signal: this.#signal, knowsInterrupted };
      const read: LogPage | undefined = await this.#ask('read', () => this.#log.read({ chatId, runId }, wait));
      // What the log has dropped, and what it does not give, devices find out for themselves.
      if (!read) return;
      // This process may have taken the run over meanwhile.
      const ownFrom = this.#engine.live.get(keyOf(run))?.record.next ?? Number.POSITIVE_INFINITY;
      const frames = read.frames.filter(({ at }) => at < ownFrom);
      this.#say(frames.map((frame) => ({ ...base, ...frame })));
      position = frames.at(-1)?.next ?? position;
      if (position >= ownFrom) continue;
      knowsInterrupted = frames.length === 0 && read.run.interrupted === true;
      if (knowsInterrupted) this.#engine.continuations.found(read.run);
      if (!read.run.end || read.run.next > position) continue;
      noteLost(this.#engine, read.run);
      return this.#say([endFrameOf(read.run)]);
    }
  }

  #say(frames: readonly Frame[]): void {
    for (let [first, ...others] = frames; first; ) {
      const { data, count } = channelMessage([first, ...others], this.#engine.options.limits.maxMessageBytes);
      if (!this.#signal.aborted) this.#deliver(data);
      [first, ...others] = others.slice(count - 1);
    }
  }

  /** Asks the log until it answers. `undefined` when it refuses for good, or nobody listens any more. */
  async #ask<T>(operation: string, call: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 0; !this.#signal.aborted; failures += 1) {
      try {
        return await call();
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#engine.options.emit({ type: 'log-failed', chatId: this.#chatId, operation, error });
        if (operation === 'read' && !isRetryable(error)) return;
        await sleep(this.#clock, backoffMs(failures), this.#signal);
      }
    }
    return;
  }
}

function isRetryable(error: unknown): boolean {
  return (error as { retryable?: unknown } | undefined)?.retryable !== false;
}
