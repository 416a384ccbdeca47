import type { UIMessage } from 'ai';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import type { ChunksFrame, EndFrame, Frame, PointerFrame, RunStart, StartFrame } from '../wire/frame.ts';
import { decodeFrame } from '../wire/frame-codec.ts';
import type { ChatSnapshot, ChatUpdate, Connection, ConnectionStore } from './chat-update.ts';
import type { CallOptions } from './http-client.ts';
import { type ChannelContext, HttpPath, type HttpReader, isTransient } from './http-path.ts';
import { persist } from './persist.ts';
import { RunStream, type RunStreamOptions } from './run-stream.ts';

/** How many frames of the newest run are kept for a stream that opens a moment later. What falls out is read from the log. */
const maxRecentFrames = 256;
const tickMs = 100;

/**
 * One chat's connection: it keeps a path alive while there are readers, and hands every frame, from whatever path, to the streams and watchers.
 * Order: realtime; else the POST's own response; else SSE; else long-poll. A new path is live before the old one is dropped.
 */
export class ChatChannel<UI_MESSAGE extends UIMessage = UIMessage> implements ConnectionStore, HttpReader {
  readonly chatId: string;
  turn: number | undefined;
  /** The newest turn whose messages this device has: what a send is based on. */
  baseTurn: number | undefined;
  /** The `clientId` that runs the newest run's client tools: the one that sent it, or that claimed a call. */
  owner: string | undefined;
  /** The run that the next resume is for, also when it has ended since. */
  wanted: string | undefined;
  /** The newest run known to be active. */
  active: { readonly runId: string; readonly turn: number } | undefined;
  /** What the newest call added to the transport's options: it is needed for the requests that follow from it. */
  call: CallOptions | undefined;
  readonly runs: Set<RunStream> = new Set();
  readonly #context: ChannelContext<UI_MESSAGE>;
  readonly #subscriber: RealtimeSubscriber | undefined;
  readonly #http: HttpPath<UI_MESSAGE>;
  readonly #watchers = new Set<(update: ChatUpdate<UI_MESSAGE>) => void>();
  readonly #onChange = new Set<() => void>();
  #recent: { readonly start: StartFrame; readonly frames: (ChunksFrame | PointerFrame | EndFrame)[] } | undefined;
  /** The newest turn that is known to be over. */
  #endedTurn = 0;
  #connected = false;
  #subscription: AbortController | undefined;
  #live = false;
  #graceUntil = 0;
  #idleSince: number | undefined;
  #readingState: Promise<ChatSnapshot<UI_MESSAGE>> | undefined;
  #wantsState = false;
  #refreshing = false;
  #timer: unknown;
  #closed = false;
  #connection: Connection = { state: 'idle', path: null };

  constructor(chatId: string, subscriber: RealtimeSubscriber | undefined, context: ChannelContext<UI_MESSAGE>) {
    this.chatId = chatId;
    this.#subscriber = subscriber;
    this.#context = context;
    this.#http = new HttpPath(this, context);
  }

  /** Subscribes if need be. Never waits. */
  connect(): void {
    if (this.#closed) return;
    this.#idleSince = undefined;
    this.#connected = true;
    this.#schedule();
    if (this.#subscription || !this.#subscriber) return;
    this.#subscription = new AbortController();
    const { signal } = this.#subscription;
    this.#graceUntil = this.#context.clock.now() + this.#context.timings.graceMs;
    const current =
      <T extends unknown[]>(act: (...args: T) => void) =>
      (...args: T): void => {
        if (!signal.aborted) act(...args);
      };
    this.#subscriber.subscribe(
      this.chatId,
      {
        onMessage: current((data: string) => this.#onMessage(data)),
        onLive: current(() => this.#onLive()),
        onInterrupted: current((error?: unknown) => this.#onDown('realtime-interrupted', error)),
        onFailed: current((error: unknown) => {
          // The next send or wake-up tries again: somebody may have logged in since.
          this.#unsubscribe();
          this.#onDown('realtime-failed', error);
        }),
      },
      signal,
    );
  }

  /** A stream for a run; what is already here of the run is in it. */
  open(runId: string, { own = false, turn = 0, replay = false }: Partial<RunStreamOptions>): RunStream {
    const run = new RunStream({
      runId,
      own,
      turn,
      replay,
      onClose: () => {
        this.runs.delete(run);
        this.#schedule();
      },
      onRoom: () => void this.#http.catchUp(),
    });
    run.newsAt = this.#context.clock.now();
    this.runs.add(run);
    this.connect();
    if (this.#recent?.start.run === runId) for (const frame of this.#recent.frames) run.accept(frame);
    return run;
  }

  /** The run's start, when the run can be streamed from its beginning without asking the server first. */
  startOf(runId: string | undefined): StartFrame | undefined {
    const frame = this.#recent?.start;
    return frame && frame.run === runId && !continues(frame) ? frame : undefined;
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

  /** Reads the chat's state; calls at the same time share one request. */
  readState(): Promise<ChatSnapshot<UI_MESSAGE>> {
    const { http, closing } = this.#context;
    this.#readingState ??= persist(this.#context, closing, async (attempt) => {
      const state = await http.json<ChatSnapshot<UI_MESSAGE>>(
        `/${encodeURIComponent(this.chatId)}`,
        undefined,
        attempt.signal,
        this.call,
      );
      attempt.abort();
      return state;
    }).finally(() => {
      this.#readingState = undefined;
    });
    return this.#readingState;
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
        this.adopt(await this.readState());
      } catch (error) {
        this.#wantsState = isTransient(error);
      }
      if (this.#wantsState) await this.#http.pause();
    }
    this.#refreshing = false;
  }

  /** Takes over a state as the newest news. */
  adopt(state: ChatSnapshot<UI_MESSAGE>): void {
    if (state.turn < (this.turn ?? 0)) return;
    // Read before the end that is known here.
    if (state.active && state.active.turn <= this.#endedTurn) return void this.refresh();
    this.baseTurn = state.turn;
    this.active = state.active;
    this.owner = state.runs?.at(-1)?.from;
    if (this.#watchers.size === 0) return;
    this.turn = state.turn;
    this.#tell({ type: 'state', state });
    // A run that began while the state was on its way.
    if (this.#recent) this.#onStart(this.#recent.start);
    this.evaluate();
  }

  /** Takes a frame from any path. */
  accept(frame: Frame, replayed = false): void {
    if ('start' in frame) return this.#onStart(frame);
    const { start, frames } = this.#recent ?? {};
    if (start?.run === frame.run && frames && frames.length < maxRecentFrames) frames.push(frame);
    let known = frame.turn <= (this.turn ?? frame.turn);
    for (const run of [...this.runs]) {
      if (run.runId !== frame.run) continue;
      known = true;
      const { position } = run;
      run.accept(frame, replayed);
      if (run.position > position) run.newsAt = this.#context.clock.now();
      this.#schedule();
    }
    if ('end' in frame) this.#endedTurn = Math.max(this.#endedTurn, frame.turn);
    if ('end' in frame && this.active?.runId === frame.run) {
      this.active = undefined;
      this.#tell({ type: 'end', runId: frame.run, turn: frame.turn, reason: frame.end.reason });
    } else if (!known) void this.refresh();
  }

  /** A POST was answered: its run is the chat's newest. */
  began(run: RunStream, turn: number): void {
    run.turn = turn;
    this.baseTurn = Math.max(turn, this.baseTurn ?? 0);
    this.#began(run.runId, turn, this.#context.clientId);
  }

  /** Reads a response as the run's own path, until it is over. */
  async readResponse(run: RunStream, response: Response, controller: AbortController): Promise<void> {
    run.responseAlive = true;
    this.evaluate();
    try {
      await this.#http.read(
        response,
        { run: run.runId, turn: run.turn, from: 0, replay: run.awaitsReplay },
        controller,
      );
    } catch (error) {
      this.#context.failed(error);
    }
    controller.abort();
    run.responseAlive = false;
    if (this.runs.has(run)) {
      // A follower that was asked before does not carry this run.
      this.#http.restart();
      this.#http.wake();
      if (this.#live) void this.#http.catchUp();
    }
    this.evaluate();
  }

  /** Something says that the network may be back: whatever waits, tries now. */
  wake(): void {
    if (!this.#connected) return;
    this.connect();
    // A path that looks alive may have died in a sleep.
    if (this.#live) this.#http.wake();
    else this.#http.stop();
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
    this.#closed = true;
    this.#watchers.clear();
    this.turn = undefined;
    for (const run of [...this.runs]) run.fail(this.#context.closing.reason);
    this.#disconnect();
    this.evaluate();
  }

  get needsHttp(): boolean {
    if (this.#closed || this.#live) return false;
    return this.turn !== undefined || [...this.runs].some((run) => run.turn > 0 && !run.responseAlive);
  }

  /** Looks at what is needed now, and sees to it. */
  evaluate(): void {
    const { clock, timings } = this.#context;
    const now = clock.now();
    for (const run of [...this.runs]) this.#tend(run, now);
    if (this.needsHttp && now >= this.#graceUntil) void this.#http.follow();
    this.#idleSince = this.#used ? undefined : (this.#idleSince ?? now);
    if (now - (this.#idleSince ?? now) >= timings.lingerMs) this.#disconnect();
    if (this.#connected && (this.runs.size > 0 || !this.#used || now < this.#graceUntil)) this.#schedule();
    this.#updateConnection();
  }

  get #used(): boolean {
    return this.runs.size + this.#watchers.size > 0;
  }

  #disconnect(): void {
    this.#unsubscribe();
    this.#http.stop();
    this.#context.clock.clearTimeout(this.#timer);
    this.#recent = this.#timer = undefined;
    this.#connected = this.#live = false;
  }

  #unsubscribe(): void {
    this.#subscription?.abort();
    this.#subscription = undefined;
  }

  #onMessage(data: string): void {
    let frame: Frame;
    try {
      frame = decodeFrame(data);
    } catch (error) {
      return this.#context.emit({ type: 'malformed-frame', chatId: this.chatId, error });
    }
    this.accept(frame);
  }

  #onLive(): void {
    this.#live = true;
    this.#context.emit({ type: 'realtime-live', chatId: this.chatId });
    // Subscribe first, then read: what was published before this moment comes from the log, what follows from realtime.
    // The old path is dropped only after that.
    void this.#http.catchUp(true).then(() => {
      if (this.#live) this.#http.stop();
    });
    this.evaluate();
  }

  #onDown(type: 'realtime-interrupted' | 'realtime-failed', error: unknown): void {
    this.#live = false;
    this.#graceUntil = 0;
    this.#context.emit({ type, chatId: this.chatId, error });
    this.evaluate();
  }

  #onStart(frame: StartFrame): void {
    const { run: runId, turn, start } = frame;
    if (turn > (this.#recent?.start.turn ?? 0)) this.#recent = { start: frame, frames: [] };
    for (const run of this.runs) if (run.runId === runId) run.turn = turn;
    // What is being sent here is known here. Another page of this device, and one that was reloaded since, is another device.
    const isOwn = [...this.runs].some((run) => run.own && run.runId === runId);
    this.#began(runId, turn, start.from, isOwn ? undefined : start);
  }

  /** A turn of the chat, in order: watchers are told of it, or the state is read where one is missing. */
  #began(runId: string, turn: number, from: string, start?: StartFrame['start']): void {
    if (turn > (this.active?.turn ?? this.turn ?? 0)) this.active = { runId, turn };
    if (this.turn === undefined || turn <= this.turn) return;
    if (turn > this.turn + 1 || (start && !('tail' in start))) return void this.refresh();
    this.turn = this.baseTurn = turn;
    this.owner = from;
    this.#tell({ type: 'start', runId, turn, ...(start && { start: start as RunStart }) });
  }

  #tell(update: ChatUpdate<UI_MESSAGE>): void {
    for (const watcher of [...this.#watchers]) guarded(() => watcher(update));
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#context.clock.setTimeout(() => {
      this.#timer = undefined;
      this.evaluate();
    }, tickMs);
  }

  /** One stream's needs: a gap repaired, a silence questioned, an end to the waiting. */
  #tend(run: RunStream, now: number): void {
    const { timings } = this.#context;
    const { path, failures } = this.#http;
    // Realtime that is silent while the log cannot be read is no path: a server that is gone sends no end.
    const isHeard = this.#live && (failures === 0 || now - run.newsAt < 2 * timings.silenceMs);
    const stuck = run.missing || (run.turn > 0 && !run.responseAlive && !path && !isHeard);
    run.stuckSince = stuck ? (run.stuckSince ?? now) : undefined;
    // The AI SDK resumes after a TypeError with "network" in its message.
    if (now - (run.stuckSince ?? now) >= timings.giveUpAfterMs)
      return run.fail(new TypeError('network error: no path to the chat server'));
    if (run.responseAlive) return;
    // A gap that a read did not close is asked for again later and later.
    const patienceMs = run.missing ? timings.gapMs * 2 ** Math.min(run.asked, 6) : timings.silenceMs;
    if (run.missing || (this.#live && run.turn > 0)) if (now - run.newsAt >= patienceMs) void this.#http.catchUp();
  }

  #updateConnection(): void {
    const responding = [...this.runs].some((run) => run.responseAlive);
    const path = this.#live ? 'realtime' : responding ? 'response' : this.#http.path;
    const state = path ? 'connected' : !this.#used ? 'idle' : this.#http.failures > 0 ? 'offline' : 'connecting';
    if (state === this.#connection.state && path === this.#connection.path) return;
    this.#connection = { state, path };
    for (const onChange of [...this.#onChange]) guarded(onChange);
  }
}

/** Runs what the app gave us: its errors are its own, and stop nothing here. */
export function guarded(act: () => void): void {
  try {
    act();
  } catch (error) {
    globalThis.reportError?.(error);
  }
}

/** Whether the run goes on in an assistant message that exists already, or may do so. */
function continues({ start }: StartFrame): boolean {
  return !('tail' in start) || (start.tail[0]?.role === 'assistant' && start.tail[0].id === start.messageId);
}
