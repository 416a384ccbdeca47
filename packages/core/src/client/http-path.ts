import { sleep } from '../clock.ts';
import { ChatTransportError, type ErrorCode } from '../errors.ts';
import { isAccessRefusal } from '../provider/refusal.ts';
import type { Frame } from '../wire/frame.ts';
import { Backoff } from './backoff.ts';
import type { Answer, CallOptions } from './http-client.ts';
import { mayStayOpen } from './open-places.ts';
import { isTransient, noAnswer, within } from './persist.ts';
import type { RunReader } from './run-reader.ts';
import type { LineContext } from './session-context.ts';
import { readSse } from './sse-reader.ts';

/** What takes the frames that HTTP brings. */
export interface HttpSink {
  onFrame(frame: Frame, replayed: boolean): void;
  onMalformed(error: unknown): void;
  /** The server answered. */
  onAnswer(): void;
  /** A read got no response, or lost it: the network is away. An older request that fails says nothing of the present. */
  onUnreachable(): void;
  /** The server does not let this device read the chat. */
  onRefused(error: ChatTransportError): void;
  /** Something that the plan depends on has changed. */
  onChange(): void;
}

/** What is wanted from HTTP at this moment. */
export interface HttpWant {
  /** The runs that nothing else brings. */
  readonly runs: readonly RunReader[];
  /** The runs of which the log has to be read: those, and what a response of their own does not bring again. */
  readonly missed: readonly RunReader[];
  /** The turn behind which watchers want all turns. */
  readonly turn: number | undefined;
  /** Whether the chat is to be followed. */
  readonly follows: boolean;
  /** What the newest call of the chat added to the transport's options. */
  readonly call: CallOptions | undefined;
}

/** One request of the stream route. */
interface Ask {
  readonly run: RunReader | undefined;
  /** How long the server may wait for news; absent: the response stays open. */
  readonly waitMs?: number | undefined;
  readonly controller: AbortController;
  onBytes?(): void;
  /** The request has failed, with this code where its error has one. */
  onFailed?(code: ErrorCode | undefined): void;
  /** Takes the frames instead of the sink. */
  readonly onFrame?: HttpSink['onFrame'] | undefined;
}

/**
 * The following that is under way. Its request brings `run`, where it was asked for one, and the turns behind `turn` that
 * it has not passed; it is absent once another run is wanted.
 */
interface Following {
  readonly ended: AbortController;
  readonly request?: {
    readonly controller: AbortController;
    run: RunReader | undefined;
    turn: number;
  };
}

/** What becomes of a response that is to stay open: a proxy may hold it back, or the user may have too many of them. */
type OpenResponses = 'possible' | 'held-back' | 'limited';

/**
 * The ways to the log over HTTP: one GET kept open (SSE) or repeated (long-poll) while realtime is not live, and single
 * reads of what realtime did not bring.
 */
export class HttpPath {
  readonly #chatId: string;
  readonly #context: LineContext;
  readonly #want: () => HttpWant;
  readonly #sink: HttpSink;
  readonly #backoff: Backoff;
  #following: Following | undefined;
  #path: 'sse' | 'poll' | null = null;
  #openResponses: OpenResponses = 'possible';
  #catchingUp: Promise<void> | undefined;
  /** The request of the read that is under way. */
  #reading: AbortController | undefined;

  constructor(chatId: string, context: LineContext, want: () => HttpWant, sink: HttpSink) {
    this.#chatId = chatId;
    this.#context = context;
    this.#want = want;
    this.#sink = sink;
    this.#backoff = new Backoff(context);
  }

  /** The path that is bringing frames. */
  get path(): 'sse' | 'poll' | null {
    return this.#path;
  }

  /** Failures since something came. */
  get failures(): number {
    return this.#backoff.failures;
  }

  /** Follows the chat until realtime is live or nobody reads. */
  async follow(): Promise<void> {
    if (this.#following) {
      // Following brings all later turns, and the one run that was asked for.
      const [run] = this.#want().runs;
      const { ended, request } = this.#following;
      if (request && run && run !== request.run && run.turn <= request.turn) {
        this.#following = { ended };
        request.controller.abort();
      }
      return;
    }
    const ended = new AbortController();
    this.#following = { ended };
    const { signal } = ended;
    const { clock, timings } = this.#context;
    while (!signal.aborted && this.#want().follows) {
      const { frames, lastedMs, path } = await this.#followOnce(ended);
      if (signal.aborted) break;
      if (path === 'sse' || frames < 0) this.#path = null;
      this.#sink.onChange();
      // A request that was given up for another run has not failed.
      if (!this.#following?.request) continue;
      if (frames < 1 && lastedMs < timings.graceMs) await this.pause();
      // A poll answers with the first frames: it is not sent for each token.
      else if (path === 'poll') await sleep(clock, timings.gapMs, signal);
    }
    if (signal.aborted) return;
    this.#following = undefined;
    this.#path = null;
    this.#sink.onChange();
  }

  /** Ends the following, once another path is live. */
  stop(): void {
    const { ended, request } = this.#following ?? {};
    this.#following = undefined;
    this.#path = null;
    this.#openResponses = 'possible';
    ended?.abort();
    request?.controller.abort();
    this.wake();
  }

  /** Whatever waits, tries now. */
  wake(): void {
    // A stream of the user's may have ended since.
    if (this.#openResponses === 'limited') this.#openResponses = 'possible';
    this.#backoff.wake();
  }

  /**
   * Drops all that is under way and reads at once: a request from before a sleep may hang, or its response may be old.
   */
  restart(): void {
    this.stop();
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.abort();
    void this.catchUp();
  }

  /** Waits before the next try, longer after each failure. */
  pause(): Promise<void> {
    return this.#backoff.pause();
  }

  /**
   * Reads once what has not come: for each run from its position on, for watchers the turns after theirs. `isFresh`: a
   * read that is under way may be older than this call, and another one follows it.
   */
  catchUp(isFresh = false): Promise<void> {
    if (isFresh && this.#catchingUp) return this.#catchingUp.then(() => this.catchUp());
    this.#catchingUp ??= this.#readMissed().finally(() => {
      this.#catchingUp = undefined;
      this.#sink.onChange();
    });
    return this.#catchingUp;
  }

  /**
   * Reads a response to its end, for which `waitMs` more than usual may pass. Resolves with the number of frames, or -1
   * when it broke, or was refused for its run alone, and may be requested again.
   */
  async read(
    answer: Answer | Promise<Answer>,
    { run, waitMs = 0, controller, onBytes, onFailed, onFrame = this.#sink.onFrame }: Ask,
    from: number | undefined,
  ): Promise<number> {
    const { clock, timings } = this.#context;
    const dead = () => controller.abort(noAnswer());
    let frames = 0;
    let timer = clock.setTimeout(dead, timings.firstByteMs + waitMs);
    try {
      const isReplay = !!run?.awaitsReplay;
      const body = await answer;
      this.#sink.onAnswer();
      await readSse(body, from, isReplay, {
        onBytes: () => {
          // Heartbeats count as bytes: a path that is silent for longer is dead.
          clock.clearTimeout(timer);
          timer = clock.setTimeout(dead, timings.stallMs);
          onBytes?.();
        },
        onMalformed: (error) => this.#sink.onMalformed(error),
        onFrame: (frame, replayed = false) => {
          frames++;
          this.#backoff.reset();
          onFrame(frame, replayed);
        },
      });
      return frames;
    } catch (error) {
      this.#context.failed(error);
      onFailed?.(ChatTransportError.isInstance(error) ? error.code : undefined);
      if (isTransient(error)) return -1;
      run?.end(error);
      if (isAccessRefusal(error)) this.#sink.onRefused(error);
      // A run that cannot be read says nothing of what followed it.
      return run ? -1 : 0;
    } finally {
      clock.clearTimeout(timer);
      controller.abort();
    }
  }

  /**
   * One request that follows the chat: SSE, or a poll where a proxy holds SSE back or the browser has no connection to
   * spare.
   */
  async #followOnce(ended: AbortController): Promise<{ frames: number; lastedMs: number; path: 'sse' | 'poll' }> {
    const { signal } = ended;
    const { now, timings } = this.#context;
    const controller = new AbortController();
    // A stop that comes while the place is awaited ends this request, too. What is wanted is looked at once there is a
    // place.
    const request: Following['request'] = { controller, run: undefined, turn: -1 };
    this.#following = { ended, request };
    const hasPlace = await mayStayOpen(controller.signal);
    const responses = hasPlace ? this.#openResponses : 'limited';
    const path = responses === 'possible' ? 'sse' : 'poll';
    const startedAt = now();
    const waitMs = { possible: undefined, 'held-back': timings.pollMs, limited: 0 }[responses];
    const { runs, turn = Number.MAX_VALUE } = this.#want();
    const [run] = runs;
    Object.assign(request, { run, turn });
    const onBytes = () => {
      if (this.#path === path || signal.aborted) return;
      this.#path = path;
      this.#sink.onChange();
    };
    const onFailed: Ask['onFailed'] = (code) => {
      // The user has as many streams open as a user may have.
      if (code === 'rate-limited' && !signal.aborted) this.#openResponses = 'limited';
    };
    const onFrame: HttpSink['onFrame'] = (frame, replayed) => {
      // Turns come in order: an earlier one that has not come was left out, because the log has dropped it.
      request.turn = Math.max(request.turn, frame.turn - 1);
      this.#sink.onFrame(frame, replayed);
    };
    const frames = await this.#ask({ run, waitMs, controller, onBytes, onFailed, onFrame });
    const lastedMs = now() - startedAt;
    // A proxy in between holds back an open response that brings no byte.
    if (!signal.aborted && path === 'sse' && this.#path !== path && lastedMs >= timings.firstByteMs)
      this.#openResponses = 'held-back';
    return { frames, lastedMs, path };
  }

  async #readMissed(): Promise<void> {
    const { missed } = this.#want();
    const onFailed: Ask['onFailed'] = (code) => {
      if (code === 'network') this.#sink.onUnreachable();
    };
    const targets: (RunReader | undefined)[] = missed.length > 0 ? [...missed] : [undefined];
    for (const target of targets) {
      const open = () => this.#want().missed.find((run) => run === target);
      // Without a response it is not known what was missed, of the run and of what followed it: repeated until there is
      // one, or nobody wants it.
      while (!this.#context.closing.aborted && (open() || this.#want().turn !== undefined)) {
        const controller = within(this.#context.closing);
        this.#reading = controller;
        const frames = await this.#ask({ run: open(), waitMs: 0, controller, onFailed });
        if (this.#reading !== controller) continue;
        if (frames >= 0) {
          this.#backoff.reset();
          break;
        }
        await this.pause();
      }
      target?.noteRead(this.#context.now());
    }
  }

  /** One GET. Resolves with the number of frames that came, or -1 when it failed. */
  #ask(ask: Ask): Promise<number> {
    const { run, waitMs, controller } = ask;
    const { turn, call } = this.#want();
    const query = {
      ...(run && { run: run.runId, from: run.position }),
      ...(run?.awaitsReplay && { replay: 1 }),
      ...(turn !== undefined && { follow: turn }),
      ...(waitMs !== undefined && { wait: waitMs }),
    };
    return this.read(this.#context.http.stream(this.#chatId, query, controller.signal, call), ask, run?.position);
  }
}
