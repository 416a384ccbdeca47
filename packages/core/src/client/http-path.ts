import type { UIMessage } from 'ai';
import type { ChatTransportError } from '../errors.ts';
import type { Frame } from '../wire/frame.ts';
import { backoffMs, sleep } from './clock.ts';
import type { CallOptions, HttpClient } from './http-client.ts';
import { mayStayOpen } from './open-places.ts';
import { noAnswer, type PersistContext, within } from './persist.ts';
import type { RunStream } from './run-stream.ts';
import { readSse, type SsePosition } from './sse-reader.ts';

/** What a channel and its HTTP path share. */
export interface ChannelContext<UI_MESSAGE extends UIMessage = UIMessage> extends PersistContext {
  readonly http: HttpClient<UI_MESSAGE>;
  readonly clientId: string;
  /** Aborts when the transport is closed. */
  readonly closing: AbortSignal;
}

/** What the HTTP path asks of its channel. */
export interface HttpReader {
  readonly chatId: string;
  readonly runs: ReadonlySet<RunStream>;
  /** The newest turn that the watchers know; `undefined` without watchers. */
  readonly turn: number | undefined;
  /** Whether HTTP has to bring what comes now. */
  readonly needsHttp: boolean;
  /** What the newest call of the chat added to the transport's options. */
  readonly call: CallOptions | undefined;
  accept(frame: Frame, replayed?: boolean): void;
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
  #catchingUp: Promise<void> | undefined;
  #wakeUp = new AbortController();

  constructor(reader: HttpReader, context: ChannelContext<UI_MESSAGE>) {
    this.#reader = reader;
    this.#context = context;
  }

  /** Follows the chat until realtime is live or nobody reads. */
  async follow(): Promise<void> {
    if (this.#following) return;
    const following = new AbortController();
    this.#following = following;
    const { signal } = following;
    const { clock, timings } = this.#context;
    while (!signal.aborted && this.#reader.needsHttp) {
      const request = new AbortController();
      this.#request = request;
      const hasPlace = await mayStayOpen(request.signal);
      const poll = this.#heldBack || !hasPlace;
      const startedAt = clock.now();
      let gotByte = false;
      const waitMs = poll ? (hasPlace ? timings.pollMs : 0) : undefined;
      const frames = await this.#ask(unfed(this.#reader.runs)[0], waitMs, request, () => {
        gotByte = true;
        const path = poll ? 'poll' : 'sse';
        if (this.path === path || signal.aborted) return;
        this.path = path;
        this.#reader.evaluate();
      });
      if (signal.aborted) break;
      const lastedMs = clock.now() - startedAt;
      // An open response that brings no byte is held back by something in between.
      if (!poll && !gotByte && lastedMs >= timings.firstByteMs) this.#heldBack = true;
      if (!poll || frames < 0) this.path = null;
      this.#reader.evaluate();
      if (frames < 1 && lastedMs < timings.graceMs) await this.pause();
      // A poll answers with the first frames: it is not asked for each token.
      else if (poll) await sleep(clock, timings.gapMs, signal);
    }
    if (this.#following !== following) return;
    this.#following = undefined;
    this.path = null;
    this.#reader.evaluate();
  }

  /** Asks anew: what is followed has changed, or may be dead. */
  restart(): void {
    this.#request?.abort();
  }

  /** Ends the following, once another path is live. */
  stop(): void {
    this.#following?.abort();
    this.#following = undefined;
    this.path = null;
    this.#heldBack = false;
    this.restart();
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

  /** Reads a request's answer to its end, for which `waitMs` more than usual may pass. Resolves with the number of frames; rejects when it broke. */
  async read(
    answer: Response | Promise<Response>,
    position: SsePosition | undefined,
    controller: AbortController,
    onBytes?: () => void,
    waitMs = 0,
  ): Promise<number> {
    const { clock, timings, emit } = this.#context;
    const { chatId } = this.#reader;
    const dead = () => controller.abort(noAnswer());
    let frames = 0;
    let timer = clock.setTimeout(dead, timings.firstByteMs + waitMs);
    try {
      const { body } = await answer;
      if (body) {
        await readSse(body, position, {
          onBytes: () => {
            // Heartbeats count: a path that is silent for longer is dead.
            clock.clearTimeout(timer);
            timer = clock.setTimeout(dead, timings.stallMs);
            onBytes?.();
          },
          onMalformed: (error) => emit({ type: 'malformed-frame', chatId, error }),
          onFrame: (frame, replayed) => {
            frames++;
            this.failures = 0;
            this.#reader.accept(frame, replayed);
          },
        });
      }
    } finally {
      clock.clearTimeout(timer);
    }
    return frames;
  }

  async #readMissed(): Promise<void> {
    const targets: (RunStream | undefined)[] = unfed(this.#reader.runs);
    if (targets.length === 0) targets.push(undefined);
    for (const run of targets) {
      // Without an answer it is not known what was missed: asked until there is one, or nobody wants it.
      while (run ? this.#reader.runs.has(run) : this.#reader.turn !== undefined) {
        if ((await this.#ask(run, 0, within(this.#context.closing))) >= 0) {
          this.failures = 0;
          break;
        }
        await this.pause();
      }
      if (!run) continue;
      run.newsAt = this.#context.clock.now();
      run.asked++;
    }
  }

  /** One GET. Resolves with the number of frames that came, or -1 when it failed. */
  async #ask(
    run: RunStream | undefined,
    waitMs: number | undefined,
    controller: AbortController,
    onBytes?: () => void,
  ): Promise<number> {
    const { http, failed } = this.#context;
    const { chatId, turn, call } = this.#reader;
    const position = run && { run: run.runId, from: run.position, ...(run.awaitsReplay && { replay: 1 }) };
    try {
      const query = {
        ...position,
        ...(turn !== undefined && { follow: turn }),
        ...(waitMs !== undefined && { wait: waitMs }),
      };
      const answer = http.stream(chatId, query, controller.signal, call);
      return await this.read(answer, position && { ...position, turn: run.turn }, controller, onBytes, waitMs);
    } catch (error) {
      failed(error);
      // A token may have expired a moment ago: headers are read anew for the next requests, and only their refusal counts.
      const mayPass =
        isTransient(error) || (this.failures < 2 && (error as ChatTransportError).code === 'unauthorized');
      if (mayPass) return -1;
      run?.fail(error);
      return 0;
    } finally {
      controller.abort();
    }
  }
}

/** The streams that no response of their own feeds. */
export function unfed(runs: ReadonlySet<RunStream>): RunStream[] {
  return [...runs].filter((run) => run.turn > 0 && !run.responseAlive);
}

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  return (error as Partial<ChatTransportError>).retryable ?? true;
}
