import type { UIMessage } from 'ai';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import type { ChunksFrame, EndFrame, Frame, PointerFrame, RunStart, StartFrame } from '../wire/frame.ts';
import { decodeFrame } from '../wire/frame-codec.ts';
import type { ChatSnapshot, ChatUpdate, Connection, ConnectionStore } from './chat-update.ts';
import type { CallOptions } from './http-client.ts';
import { type ChannelContext, HttpPath, type HttpReader, isTransient, unfed } from './http-path.ts';
import { asDisconnect, noAnswer, persist } from './persist.ts';
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
  /** The run of which this device has claimed a tool call. */
  claimedRun: string | undefined;
  /** The run that the next resume is for, also when it has ended since. */
  wanted: string | undefined;
  /** The newest run known to be active. */
  active: { readonly runId: string; readonly turn: number } | undefined;
  /** What the newest call added to the transport's options: it is needed for the requests that follow from it. */
  call: CallOptions | undefined;
  readonly runs: Set<RunStream> = new Set();
  /** Whether the chat's messages may lack, or have in the wrong place, what `baseTurn` says was seen. */
  isBehind = false;
  /** The newest own send that cuts the conversation. */
  cutting: RunStream | undefined;
  /** For `syncChat`: the messages that the chat is known to have, once a chat is kept in step. */
  acknowledged: Set<string> | undefined;
  /** For `syncChat`: the client tool calls that this page has begun. */
  readonly toolCalls: Set<string> = new Set();
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
  #usedAt = 0;
  #wantsState = false;
  #refreshing = false;
  #timer: unknown;
  #connection: Connection = { state: 'idle', path: null };

  constructor(chatId: string, subscriber: RealtimeSubscriber | undefined, context: ChannelContext<UI_MESSAGE>) {
    this.chatId = chatId;
    this.#subscriber = subscriber;
    this.#context = context;
    this.#http = new HttpPath(this, context);
  }

  /** Subscribes if need be. Never waits. */
  connect(): void {
    const now = this.#context.clock.now();
    if (this.#context.closing.aborted) return;
    this.#usedAt = now;
    this.#connected = true;
    this.#schedule();
    if (this.#subscription || !this.#subscriber) return;
    this.#subscription = new AbortController();
    const { signal } = this.#subscription;
    this.#graceUntil = now + this.#context.timings.graceMs;
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
    run.newsAt = run.stuckSince = this.#context.clock.now();
    this.runs.add(run);
    this.connect();
    if (this.#recent?.start.run === runId) for (const frame of this.#recent.frames) run.accept(frame);
    // A follower that was asked before carries the run only if it saw the run begin.
    if (turn > 0 && !replay && this.runs.has(run) && this.#http.path) this.#http.restart();
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

  /** Asks one of the chat's own routes until there is an answer; without a path, for its state. */
  ask<T = ChatSnapshot<UI_MESSAGE>>(path = '', body?: object): Promise<T> {
    const { http, closing } = this.#context;
    return persist(this.#context, closing, async (attempt) => {
      const route = `/${encodeURIComponent(this.chatId)}${path}`;
      const answer = await http.json<T>(route, body, attempt.signal, this.call);
      attempt.abort();
      return answer;
    });
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
    const newest = state.runs?.at(-1);
    if (newest?.runId !== this.claimedRun) this.owner = newest?.from;
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
    let isStreamed = false;
    for (const run of [...this.runs]) {
      if (run.runId !== frame.run) continue;
      known = true;
      const { position } = run;
      run.accept(frame, replayed);
      if (run.position > position) run.newsAt = this.#context.clock.now();
      isStreamed ||= !this.runs.has(run);
      this.#schedule();
    }
    if ('end' in frame) this.#endedTurn = Math.max(this.#endedTurn, frame.turn);
    if ('end' in frame && this.active?.runId === frame.run) {
      this.active = undefined;
      this.#tell({ type: 'end', runId: frame.run, turn: frame.turn, reason: frame.end.reason, isStreamed });
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
    this.#watchers.clear();
    this.turn = undefined;
    for (const run of [...this.runs]) run.fail(this.#context.closing.reason);
    this.#disconnect();
    this.evaluate();
  }

  get needsHttp(): boolean {
    return !this.#live && (this.turn !== undefined || unfed(this.runs).length > 0);
  }

  /** Looks at what is needed now, and sees to it. */
  evaluate(): void {
    const { clock, timings } = this.#context;
    const now = clock.now();
    for (const run of [...this.runs]) this.#tend(run, now);
    if (this.needsHttp && now >= this.#graceUntil) void this.#http.follow();
    if (this.#used) this.#usedAt = now;
    else if (now - this.#usedAt >= timings.lingerMs) this.#disconnect();
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
    // What is being sent here is known here. Another page of this device, and one that was reloaded since, is another device.
    let isOwn = false;
    for (const run of this.runs) {
      if (run.runId !== runId) continue;
      run.turn = turn;
      isOwn ||= run.own;
    }
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
    each(this.#watchers, (watcher) => watcher(update));
  }

  #schedule(): void {
    if (!this.#connected) return;
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
    const isHeard = this.#live && (failures === 0 || now - run.newsAt < 2 * timings.silenceMs);
    const stuck = run.missing || (run.turn > 0 && !run.responseAlive && !path && !isHeard);
    if (!stuck) run.stuckSince = now;
    else if (now - run.stuckSince >= timings.giveUpAfterMs) {
      // The resume that the AI SDK may try is for this run, also when it has ended by then.
      this.wanted = run.runId;
      return run.fail(asDisconnect(noAnswer()));
    }
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

/** Whether the run goes on in an assistant message that exists already, or may do so. */
function continues({ start }: StartFrame): boolean {
  return !('tail' in start) || (start.tail[0]?.role === 'assistant' && start.tail[0].id === start.messageId);
}
