import type { UIMessage } from 'ai';
import { backoffMs, sleep } from '../clock.ts';
import type { ChatTransportError } from '../errors.ts';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import type { Frame } from '../wire/frame.ts';
import type { Answer, CallOptions, HttpClient } from './http-client.ts';
import { mayStayOpen } from './open-places.ts';
import { isTransient, noAnswer, type PersistContext, within } from './persist.ts';
import type { RunStream } from './run-stream.ts';
import { readSse } from './sse-reader.ts';

/** What a channel and its HTTP path share. */
export interface ChannelContext<UI_MESSAGE extends UIMessage = UIMessage> extends PersistContext {
  readonly http: HttpClient<UI_MESSAGE>;
  readonly subscriber: RealtimeSubscriber | undefined;
  /** Aborts when the transport is closed. */
  readonly closing: AbortSignal;
}

/** What the HTTP path asks of its channel. */
export interface HttpReader {
  readonly chatId: string;
  /** The streams that no response of their own feeds. */
  readonly unfed: RunStream[];
  /** The newest turn that the watchers know; `undefined` without watchers. */
  readonly turn: number | undefined;
  /** Whether HTTP has to bring what comes now. */
  readonly needsHttp: boolean;
  /** What the newest call of the chat added to the transport's options. */
  readonly call: CallOptions | undefined;
  accept(frame: Frame, replayed?: boolean): void;
  malformed(error: unknown): void;
  evaluate(): void;
}

/**
 * The ways to the log over HTTP: one GET kept open (SSE) or asked again and again (long-poll) while realtime is not live,
 * and single reads of what realtime did not bring.
 */
export class HttpPath<UI_MESSAGE extends UIMessage> {
  /** The path that is bringing frames. */
  path: 'sse' | 'poll' | null = null;
  /** Failures since something came. */
  failures = 0;
  readonly #reader: HttpReader;
  readonly #context: ChannelContext<UI_MESSAGE>;
  #heldBack = false;
  #following: AbortController | undefined;
  #request: AbortController | undefined;
  /** The run that the request was for, and the turn after which it brings all others. */
  #carried: RunStream | undefined;
  #followed = 0;
  #catchingUp: Promise<void> | undefined;
  #wakeUp = new AbortController();

  constructor(reader: HttpReader, context: ChannelContext<UI_MESSAGE>) {
    this.#reader = reader;
    this.#context = context;
  }

  /** Follows the chat until realtime is live or nobody reads. */
  async follow(): Promise<void> {
    if (this.#following) {
      // What is followed brings the turns after it, and the one run that was asked for.
      const [run] = this.#reader.unfed;
      if (run && run !== this.#carried && run.turn <= this.#followed) this.#request?.abort();
      return;
    }
    const following = new AbortController();
    this.#following = following;
    const { signal } = following;
    const { clock, timings } = this.#context;
    while (!signal.aborted && this.#reader.needsHttp) {
      const request = new AbortController();
      this.#request = request;
      const hasPlace = await mayStayOpen(request.signal);
      const path = this.#heldBack || !hasPlace ? 'poll' : 'sse';
      const startedAt = clock.now();
      const waitMs = path === 'sse' ? undefined : hasPlace ? timings.pollMs : 0;
      const [run] = this.#reader.unfed;
      this.#carried = run;
      this.#followed = this.#reader.turn ?? Number.MAX_VALUE;
      const frames = await this.#ask(run, waitMs, request, () => {
        if (this.path === path || signal.aborted) return;
        this.path = path;
        this.#reader.evaluate();
      });
      if (signal.aborted) break;
      const lastedMs = clock.now() - startedAt;
      // An open response that brings no byte is held back by something in between.
      if (path === 'sse' && this.path !== path && lastedMs >= timings.firstByteMs) this.#heldBack = true;
      if (path === 'sse' || frames < 0) this.path = null;
      this.#reader.evaluate();
      if (frames < 1 && lastedMs < timings.graceMs) await this.pause();
      // A poll answers with the first frames: it is not asked for each token.
      else if (path === 'poll') await sleep(clock, timings.gapMs, signal);
    }
    if (signal.aborted) return;
    this.#following = undefined;
    this.path = null;
    this.#reader.evaluate();
  }

  /** Ends the following, once another path is live. */
  stop(): void {
    this.#following?.abort();
    this.#following = undefined;
    this.path = null;
    this.#heldBack = false;
    this.#request?.abort();
    this.wake();
  }

  /** Whatever waits, tries now. */
  wake(): void {
    this.failures = 0;
    this.#wakeUp.abort();
    this.#wakeUp = new AbortController();
  }

  /** Waits before the next try, longer after each failure. */
  pause(): Promise<void> {
    return sleep(this.#context.clock, backoffMs(this.failures++), this.#wakeUp.signal);
  }

  /** Reads once what has not come: for each stream from its position on, for watchers the turns after theirs. `anew`: what is being read may be older than this call. */
  catchUp(anew = false): Promise<void> {
    if (anew && this.#catchingUp) return this.#catchingUp.then(() => this.catchUp());
    this.#catchingUp ??= this.#readMissed().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  /** Reads a request's answer to its end, for which `waitMs` more than usual may pass. Resolves with the number of frames, or -1 when it broke and may be asked for again. */
  async read(
    answer: Answer | Promise<Answer>,
    run: RunStream | undefined,
    from: number | undefined,
    controller: AbortController,
    onBytes?: () => void,
    waitMs = 0,
  ): Promise<number> {
    const { clock, timings, failed } = this.#context;
    const dead = () => controller.abort(noAnswer());
    let frames = 0;
    let timer = clock.setTimeout(dead, timings.firstByteMs + waitMs);
    try {
      const isReplay = !!run?.awaitsReplay;
      await readSse(await answer, from, isReplay, {
        onBytes: () => {
          // Heartbeats count: a path that is silent for longer is dead.
          clock.clearTimeout(timer);
          timer = clock.setTimeout(dead, timings.stallMs);
          onBytes?.();
        },
        onMalformed: (error) => this.#reader.malformed(error),
        onFrame: (frame, replayed) => {
          frames++;
          this.failures = 0;
          this.#reader.accept(frame, replayed);
        },
      });
      return frames;
    } catch (error) {
      failed(error);
      // A token may have expired a moment ago: headers are read anew for the next requests, and only their refusal counts.
      const mayPass =
        isTransient(error) || (this.failures < 2 && (error as ChatTransportError).code === 'unauthorized');
      if (mayPass) return -1;
      run?.end(error);
      return 0;
    } finally {
      clock.clearTimeout(timer);
      controller.abort();
    }
  }

  async #readMissed(): Promise<void> {
    const targets: (RunStream | undefined)[] = this.#reader.unfed;
    if (targets.length === 0) targets.push(undefined);
    for (const target of targets) {
      const open = () => this.#reader.unfed.find((run) => run === target);
      // Without an answer it is not known what was missed, of the run and of what followed it: asked until there is one, or nobody wants it.
      while (open() || this.#reader.turn !== undefined) {
        if ((await this.#ask(open(), 0, within(this.#context.closing))) >= 0) {
          this.failures = 0;
          break;
        }
        await this.pause();
      }
      if (target) {
        target.newsAt = this.#context.clock.now();
        target.asked++;
      }
    }
  }

  /** One GET. Resolves with the number of frames that came, or -1 when it failed. */
  #ask(
    run: RunStream | undefined,
    waitMs: number | undefined,
    controller: AbortController,
    onBytes?: () => void,
  ): Promise<number> {
    const { chatId, turn, call } = this.#reader;
    const query = {
      ...(run && { run: run.runId, from: run.position }),
      ...(run?.awaitsReplay && { replay: 1 }),
      ...(turn !== undefined && { follow: turn }),
      ...(waitMs !== undefined && { wait: waitMs }),
    };
    const answer = this.#context.http.stream(chatId, query, controller.signal, call);
    return this.read(answer, run, run?.position, controller, onBytes, waitMs);
  }
}
