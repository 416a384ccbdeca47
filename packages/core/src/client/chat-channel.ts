import type { UIMessage } from 'ai';
import type { ChunksFrame, EndFrame, Frame, PointerFrame, StartFrame } from '../wire/frame.ts';
import { decodeFrame, UnknownFrame } from '../wire/frame-codec.ts';
import type { ChatSnapshot, ChatUpdate, Connection, ConnectionStore } from './chat-update.ts';
import type { ChatView } from './chat-view.ts';
import type { Answer, CallOptions } from './http-client.ts';
import { type ChannelContext, HttpPath, type HttpReader } from './http-path.ts';
import { asDisconnect, isTransient, noAnswer, persist } from './persist.ts';
import { RunStream, type RunStreamOptions } from './run-stream.ts';

/** How many frames of the newest run are kept for a stream that opens a moment later. What falls out is read from the log. */
const maxRecentFrames = 256;
const tickMs = 100;
/** How often a state that is older than what is known here is asked for again before it is believed. */
const maxDoubts = 3;

/**
 * One chat's connection: it keeps a path alive while there are readers, and hands every frame, from whatever path, to the streams and watchers.
 * Order: realtime; else the POST's own response; else SSE; else long-poll. A new path is live before the old one is dropped.
 */
export class ChatChannel<UI_MESSAGE extends UIMessage = UIMessage> implements ConnectionStore, HttpReader {
  readonly chatId: string;
  turn: number | undefined;
  /** The newest turn whose messages this device has: what a send is based on. */
  baseTurn: number | undefined;
  #hasToldUnknown = false;
  /** The run whose client tools this device has taken over. */
  claimedRun: string | undefined;
  /** The run that the next resume is for, also when it has ended since. */
  wanted: string | undefined;
  /** The newest run known to be active. */
  active: { readonly runId: string; readonly turn: number } | undefined;
  /** What the newest call added to the transport's options: it is needed for the requests that follow from it. */
  call: CallOptions | undefined;
  readonly runs: Set<RunStream> = new Set();
  /** Takes back the newest abort, if it has not become a cancel yet. */
  undecided: (() => void) | undefined;
  /** What a chat kept in step shows; `syncChat` keeps it. */
  view: ChatView | undefined;
  /** The run that was stopped here, or detached from: it is not streamed here again. */
  letGo: string | undefined;
  /** Whether realtime is live. */
  isLive = false;
  /** The newest run's start. */
  start: StartFrame | undefined;
  readonly #context: ChannelContext<UI_MESSAGE>;
  readonly #http: HttpPath<UI_MESSAGE>;
  readonly #watchers = new Set<(update: ChatUpdate<UI_MESSAGE>) => void>();
  readonly #onChange = new Set<() => void>();
  /** What followed `start`. */
  #frames: (ChunksFrame | PointerFrame | EndFrame)[] = [];
  /** The newest turn that anything told of. */
  #heardTurn = 0;
  /** The newest turn that is known to be over. */
  #endedTurn = 0;
  #subscription: AbortController | undefined;
  #graceUntil = 0;
  /** When realtime brought something last. */
  #heardAt = 0;
  /** When somebody last used the channel; nothing while it is disconnected. */
  #usedAt: number | undefined;
  #wantsState = false;
  #refreshing = false;
  /** How often in a row the server told an older state than what is known here. */
  #doubts = 0;
  #timer: unknown;
  #connection: Connection = { state: 'idle', path: null };

  constructor(chatId: string, context: ChannelContext<UI_MESSAGE>) {
    this.chatId = chatId;
    this.#context = context;
    this.#http = new HttpPath(this, context);
  }

  /** Subscribes if need be. Never waits. */
  connect(): void {
    const { clock, closing, subscriber, timings } = this.#context;
    const now = clock.now();
    if (closing.aborted) return;
    this.#usedAt = now;
    this.#schedule();
    if (this.#subscription || !subscriber) return;
    this.#subscription = new AbortController();
    const { signal } = this.#subscription;
    this.#graceUntil = now + timings.graceMs;
    const current =
      <T extends unknown[]>(act: (...args: T) => void) =>
      (...args: T): void => {
        if (!signal.aborted) act(...args);
      };
    // What is asked for in this moment shows something sooner than a socket does: it goes first.
    clock.setTimeout(() => {
      if (!signal.aborted)
        subscriber.subscribe(
          this.chatId,
          {
            onMessage: current((data: string) => {
              this.#heardAt = clock.now();
              try {
                this.accept(decodeFrame(data));
              } catch (error) {
                this.malformed(error);
              }
            }),
            onLive: current(() => this.#onLive()),
            onInterrupted: current(() => this.#onDown()),
            onFailed: current((error: unknown) => {
              // The next send or wake-up tries again: somebody may have logged in since.
              this.#unsubscribe();
              this.#onDown();
              this.#context.emit({ type: 'realtime-failed', chatId: this.chatId, error });
            }),
          },
          signal,
        );
    }, 0);
  }

  /** A stream for a run; what is already here of the run is in it. */
  open(runId: string, options: Pick<RunStreamOptions, 'own' | 'turn' | 'replay'>): RunStream {
    const run = new RunStream({
      ...options,
      runId,
      onClose: () => void this.runs.delete(run),
      onRoom: () => void this.#http.catchUp(),
    });
    run.openedAt = run.newsAt = this.#context.clock.now();
    this.runs.add(run);
    this.connect();
    // Somebody asks for an answer now: what waits after failures tries at once.
    this.#http.wake();
    this.#feed(run);
    this.evaluate();
    return run;
  }

  /** What is already here of the run goes into its stream. */
  #feed(run: RunStream): void {
    if (this.start?.run === run.runId) for (const frame of this.#frames) run.accept(frame);
  }

  /** A stream for a run that can be streamed from its beginning without asking the server first. */
  openKnown(runId: string | undefined): RunStream | undefined {
    if (!runId || this.start?.run !== runId) return;
    const { turn, start } = this.start;
    // Not where it goes on in an assistant message that exists already, or may do so.
    if (start.tail && start.tail[0]?.id !== start.messageId) return this.open(runId, { turn });
  }

  /** Tells `watcher` the chat's state and then each turn, until the returned function is called. */
  watch(watcher: (update: ChatUpdate<UI_MESSAGE>) => void): () => void {
    this.#watchers.add(watcher);
    this.connect();
    void this.refresh();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.turn = undefined;
      this.#schedule();
    };
  }

  /** Asks one of the chat's own routes until there is an answer; without a path, for its state. */
  ask<T = ChatSnapshot<UI_MESSAGE>>(path = '', body?: object): Promise<T> {
    const { http, closing } = this.#context;
    return persist(
      this.#context,
      closing,
      async (attempt) => {
        const answer = await (await http.post(`/${this.chatId}${path}`, body, attempt.signal, this.call)).json();
        attempt.abort();
        return answer as T;
      },
      isTransient,
    );
  }

  /** Reads the state for the watchers, until it is read. */
  async refresh(): Promise<void> {
    this.#wantsState = true;
    if (this.#refreshing) return;
    this.#refreshing = true;
    while (this.#wantsState && this.#watchers.size > 0) {
      // What is asked for from here on may be newer than this answer.
      this.#wantsState = false;
      try {
        this.adopt(await this.ask());
      } catch (error) {
        this.#wantsState = isTransient(error);
      }
      if (this.#wantsState) await this.pause();
    }
    this.#refreshing = false;
  }

  /** Waits before something that failed is tried again. */
  pause(): Promise<void> {
    return this.#http.pause();
  }

  /** Takes over a state as the newest news. */
  adopt(state: ChatSnapshot<UI_MESSAGE>): void {
    if (state.turn < this.#heardTurn || (state.active && state.active.turn <= this.#endedTurn)) {
      // Read before what is known here. A log that has lost its chats says so again and again, and is right.
      if (this.#doubts++ < maxDoubts) return void this.refresh();
      this.start = undefined;
      this.#endedTurn = 0;
    }
    this.#doubts = 0;
    this.#heardTurn = state.turn;
    this.baseTurn = state.turn;
    this.active = state.active;
    if (this.#watchers.size === 0) return;
    this.turn = state.turn;
    this.#tell({ type: 'state', state });
    this.evaluate();
  }

  /** Takes a frame from any path. */
  accept(frame: Frame, replayed = false): void {
    if ('start' in frame) return this.#onStart(frame);
    const { run: runId, turn } = frame;
    // The end is kept in any case: it says that something is missing where no frame follows.
    if (this.start?.run === runId && ('end' in frame || this.#frames.length < maxRecentFrames))
      this.#frames.push(frame);
    for (const run of [...this.runs]) {
      if (run.runId !== runId) continue;
      // Its start was lost, and so was the answer to its POST.
      if (!run.turn) this.began(run, turn);
      const { position } = run;
      run.accept(frame, replayed);
      if (run.position > position) run.newsAt = this.#context.clock.now();
    }
    if ('end' in frame) {
      this.#endedTurn = Math.max(this.#endedTurn, turn);
      if (this.active?.runId === runId) {
        this.active = undefined;
        this.#tell({ type: 'end', runId, turn, reason: frame.end.reason });
      }
    }
    if (turn > this.#heardTurn) void this.refresh();
  }

  /** Tells of something that is not of the protocol and was dropped. */
  malformed(error: unknown): void {
    const isUnknown = error instanceof UnknownFrame;
    // A newer server sends them all the time.
    if (isUnknown && this.#hasToldUnknown) return;
    this.#hasToldUnknown ||= isUnknown;
    this.#context.emit({ type: isUnknown ? 'unknown-frame' : 'malformed-frame', chatId: this.chatId, error });
  }

  /** A run that is sent here has begun, by the POST's answer or by realtime. */
  began(run: RunStream, turn: number): void {
    run.begin(turn);
    this.baseTurn = turn;
    this.view?.begin(run, turn);
    this.#began(run.runId, turn);
    // The server may have joined it to a run that has come by realtime before.
    this.#feed(run);
  }

  /** Reads an answer as the run's own path, until it is over. */
  async readAnswer(run: RunStream, answer: Answer, controller: AbortController): Promise<void> {
    run.responseAlive = true;
    this.evaluate();
    await this.#http.read(answer, run, 0, controller);
    run.responseAlive = false;
    this.#http.wake();
    this.evaluate();
  }

  /** Something says that the network may be back: whatever waits, tries now. */
  wake(): void {
    if (this.#usedAt === undefined) return;
    this.connect();
    // A path that looks alive may have died in a sleep.
    this.#http.stop();
    void this.#http.catchUp();
    if (this.turn === undefined) void this.refresh();
    this.evaluate();
  }

  getSnapshot: () => Connection = () => this.#connection;

  subscribe: (onChange: () => void) => () => void = (onChange) => {
    this.#onChange.add(onChange);
    return () => this.#onChange.delete(onChange);
  };

  /** Ends everything: streams fail, the subscription goes. Idempotent. */
  close(): void {
    this.#watchers.clear();
    this.turn = undefined;
    for (const run of [...this.runs]) run.end(this.#context.closing.reason);
    this.#disconnect();
    this.evaluate();
  }

  get unfed(): RunStream[] {
    return [...this.runs].filter((run) => run.turn > 0 && !run.responseAlive);
  }

  get needsHttp(): boolean {
    return !this.isLive && (this.turn !== undefined || this.unfed.length > 0);
  }

  /** Looks at what is needed now, and sees to it. */
  evaluate(): void {
    const { clock, timings } = this.#context;
    const now = clock.now();
    for (const run of [...this.runs]) this.#tend(run, now);
    if (this.needsHttp && now >= this.#graceUntil) void this.#http.follow();
    if (this.#used) this.#usedAt = now;
    else if (now - (this.#usedAt ?? now) >= timings.lingerMs) this.#disconnect();
    if (this.runs.size > 0 || !this.#used || now < this.#graceUntil) this.#schedule();
    this.#updateConnection();
  }

  get #used(): boolean {
    return this.runs.size + this.#watchers.size > 0;
  }

  #disconnect(): void {
    this.#unsubscribe();
    this.#http.stop();
    this.#context.clock.clearTimeout(this.#timer);
    this.start = this.#timer = this.#usedAt = undefined;
    this.isLive = false;
  }

  #unsubscribe(): void {
    this.#subscription?.abort();
    this.#subscription = undefined;
  }

  #onLive(): void {
    this.isLive = true;
    // Subscribe first, then read: what was published before this moment comes from the log, what follows from realtime.
    // The old path is dropped only after that.
    void this.#http.catchUp(true).then(() => {
      if (this.isLive) this.#http.stop();
    });
    this.evaluate();
  }

  #onDown(): void {
    this.isLive = false;
    this.#graceUntil = 0;
    this.evaluate();
  }

  #onStart(frame: StartFrame): void {
    const { run: runId, turn, start } = frame;
    if (turn > (this.start?.turn ?? 0)) {
      this.start = frame;
      this.#frames = [];
    }
    // What is being sent here is known here. Another page of this device, and one that was reloaded since, is another device.
    const own = [...this.runs].find((run) => run.runId === runId && run.own);
    if (own) this.began(own, turn);
    else this.#began(runId, turn, start);
  }

  /** A turn of the chat, in order: watchers are told of it, or the state is read where one is missing. */
  #began(runId: string, turn: number, start?: StartFrame['start']): void {
    if (turn > this.#heardTurn) {
      this.#heardTurn = turn;
      if (turn > this.#endedTurn) this.active = { runId, turn };
    }
    if (this.turn === undefined || turn <= this.turn) return;
    if (turn > this.turn + 1 || (start && !start.tail)) return void this.refresh();
    this.turn = this.baseTurn = turn;
    this.#tell({ type: 'start', runId, turn, ...(start && { start }) });
  }

  #tell(update: ChatUpdate<UI_MESSAGE>): void {
    each(this.#watchers, (watcher) => watcher(update));
  }

  #schedule(): void {
    if (this.#usedAt === undefined) return;
    this.#timer ??= this.#context.clock.setTimeout(() => {
      this.#timer = undefined;
      this.evaluate();
    }, tickMs);
  }

  /** One stream's needs: a gap repaired, a silence questioned, an end to the waiting. */
  #tend(run: RunStream, now: number): void {
    const { timings } = this.#context;
    const { path, failures } = this.#http;
    // Realtime that is silent while the log cannot be read is no path: a server that is gone sends no end.
    const isHeard = this.isLive && (!failures || now - run.newsAt < timings.silenceMs);
    const stuck = run.missing || (run.turn > 0 && !run.responseAlive && !path && !isHeard);
    // A page that slept since the last look has waited for nothing.
    run.stuckMs = stuck ? run.stuckMs + Math.min(now - (this.#usedAt as number), timings.sendMs) : 0;
    if (run.stuckMs >= timings.giveUpAfterMs) {
      // The resume that the AI SDK may try is for this run, also when it has ended by then.
      this.wanted = run.runId;
      return run.end(asDisconnect(noAnswer()));
    }
    if (run.responseAlive) return;
    // A gap that a read did not close is asked for again later and later; so is a run of which realtime has not told so much as the start.
    const patienceMs =
      run.missing || (run.own && this.#heardAt < run.openedAt)
        ? timings.gapMs * 2 ** Math.min(run.asked, 6)
        : timings.silenceMs;
    if (run.missing || (this.isLive && run.turn > 0)) if (now - run.newsAt >= patienceMs) void this.#http.catchUp();
  }

  #updateConnection(): void {
    const responding = [...this.runs].some((run) => run.responseAlive);
    const path = this.isLive ? 'realtime' : responding ? 'response' : this.#http.path;
    const state = path ? 'connected' : !this.#used ? 'idle' : this.#http.failures ? 'offline' : 'connecting';
    const old = this.#connection;
    if (state === old.state && path === old.path) return;
    this.#connection = { state, path };
    each(this.#onChange, (onChange) => onChange());
  }
}

/** Hands each listener of the app what happened: its errors are its own, and stop nothing here. */
export function each<T>(listeners: Iterable<T>, tell: (listener: T) => void): void {
  for (const listener of [...listeners]) {
    try {
      tell(listener);
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }
}
