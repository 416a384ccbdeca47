import type { UIMessage } from 'ai';
import { ChatTransportError } from '../errors.ts';
import type { Frame } from '../wire/frame.ts';
import type { TransportEvent } from './chat-update.ts';
import { backoffMs, type Clock, sleep } from './clock.ts';
import type { HttpClient } from './http-client.ts';
import type { RunStream } from './run-stream.ts';
import { readSse, type SsePosition } from './sse-reader.ts';
import type { Timings } from './timings.ts';

/** What a channel and its HTTP path share. */
export interface ChannelContext<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly http: HttpClient<UI_MESSAGE>;
  readonly clientId: string;
  readonly clock: Clock;
  readonly timings: Timings;
  emit(event: TransportEvent): void;
}

/** What the HTTP path asks of its channel. */
export interface HttpReader {
  readonly chatId: string;
  readonly runs: ReadonlySet<RunStream>;
  /** The newest turn that the watchers know; `undefined` without watchers. */
  readonly turn: number | undefined;
  /** Whether HTTP has to bring what comes now. */
  readonly needsHttp: boolean;
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
  #poll = false;
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
    const { clock, timings } = this.#context;
    for (let empty = 0; !following.signal.aborted && this.#reader.needsHttp; ) {
      const poll = this.#poll;
      const startedAt = clock.now();
      const request = new AbortController();
      this.#request = request;
      let gotByte = false;
      const frames = await this.#ask(unfed(this.#reader.runs)[0], poll ? timings.pollMs : undefined, request, () => {
        gotByte = true;
        if (this.path) return;
        this.path = poll ? 'poll' : 'sse';
        this.#reader.evaluate();
      });
      if (!poll || frames < 0) this.path = null;
      empty = frames > 0 || poll ? 0 : empty + 1;
      // An open response that brings no byte, or is cut again and again, is held back by something in between.
      if (
        !following.signal.aborted &&
        (empty > 1 || (!poll && !gotByte && clock.now() - startedAt >= timings.firstByteMs))
      )
        this.#poll = true;
      this.#reader.evaluate();
      if (frames < 1 && clock.now() - startedAt < timings.graceMs) await this.#pause();
    }
    if (this.#following !== following) return;
    this.#following = undefined;
    this.path = null;
    this.#reader.evaluate();
  }

  /** Asks anew: what is followed has changed. */
  restart(): void {
    this.#request?.abort();
  }

  /** Ends the following, once another path is live. */
  stop(): void {
    this.#poll = false;
    this.#following?.abort();
    this.#following = undefined;
    this.path = null;
    this.restart();
  }

  /** Whatever waits, tries now. */
  wake(): void {
    this.failures = 0;
    this.#wakeUp.abort();
    this.#wakeUp = new AbortController();
  }

  /** Reads once what has not come: for each stream from its position on, for watchers the turns after theirs. */
  catchUp(): Promise<void> {
    this.#catchingUp ??= this.#readMissed().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  /** Reads an answered request to its end. Resolves with the number of frames; rejects when it broke. */
  async read(
    response: Response,
    position: SsePosition | undefined,
    controller: AbortController,
    onBytes?: () => void,
  ): Promise<number> {
    const { clock, timings, emit } = this.#context;
    const { chatId } = this.#reader;
    let frames = 0;
    let timer = clock.setTimeout(() => controller.abort(), timings.firstByteMs);
    try {
      if (response.body && response.status !== 204) {
        await readSse(response.body, position, {
          onBytes: () => {
            // Heartbeats count: a path that is silent for longer is dead.
            clock.clearTimeout(timer);
            timer = clock.setTimeout(() => controller.abort(), timings.stallMs);
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

  /** Waits before the next try, longer after each failure. */
  #pause(): Promise<void> {
    return sleep(this.#context.clock, backoffMs(this.failures++), this.#wakeUp.signal);
  }

  async #readMissed(): Promise<void> {
    const targets: (RunStream | undefined)[] = unfed(this.#reader.runs);
    if (targets.length === 0 && this.#reader.turn !== undefined) targets.push(undefined);
    for (const run of targets) {
      if ((await this.#ask(run, 0, new AbortController())) < 0) await this.#pause();
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
    const { http, clock, timings, emit } = this.#context;
    const { chatId, turn } = this.#reader;
    const timer = clock.setTimeout(() => controller.abort(), timings.firstByteMs + (waitMs ?? 0));
    const position = run && { run: run.runId, turn: run.turn, from: run.position, replay: run.awaitsReplay };
    try {
      const query = {
        ...(position && { run: position.run, from: position.from, ...(position.replay && { replay: 1 }) }),
        ...(turn !== undefined && { follow: turn }),
        ...(waitMs !== undefined && { wait: waitMs }),
      };
      const response = await http.stream(chatId, query, controller.signal);
      clock.clearTimeout(timer);
      return await this.read(response, position, controller, onBytes);
    } catch (error) {
      emit({ type: 'http-failed', error });
      if (run && !isTransient(error)) run.fail(error);
      return -1;
    } finally {
      clock.clearTimeout(timer);
      controller.abort();
    }
  }
}

/** The streams that no response of their own feeds. */
function unfed(runs: ReadonlySet<RunStream>): RunStream[] {
  return [...runs].filter((run) => run.turn > 0 && !run.responseAlive);
}

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  return !ChatTransportError.isInstance(error) || error.retryable;
}
