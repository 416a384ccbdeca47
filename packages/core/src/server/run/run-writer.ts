import type { UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { SteerCommand, WriterNews } from '../../log/run-log.ts';
import { createCoalescer, frameEnvelopeBytes } from '../../wire/coalescer.ts';
import { type EndReason, wireVersion } from '../../wire/frame.ts';
import { UnfinishedCalls } from '../../wire/unfinished-calls.ts';
import { continuedBy } from '../conversation/history.ts';
import type { Engine } from '../engine.ts';
import type { RespondOutput } from '../options.ts';
import { appendTurn } from './append-turn.ts';
import { askLog } from './ask-log.ts';
import { IdleWatch } from './idle-watch.ts';
import type { LiveRun } from './live-run.ts';
import { type ModelStream, openModelStream } from './model-stream.ts';
import { Notifier } from './notifier.ts';
import { overReason } from './over-reason.ts';
import { type ContinuationPlan, isServerTool } from './plan-continuation.ts';
import { type Rejoin, rejoinStream } from './rejoin-stream.ts';
import { runAgain } from './run-again.ts';
import { RunSteps } from './run-steps.ts';
import { ToolBarrier } from './tool-barrier.ts';

/** What earlier writers have written, and how this one fits to it. */
export interface ResumedRun {
  readonly chunks: readonly UIMessageChunk[];
  readonly plan: ContinuationPlan;
}

/** Why the writer stopped: `over`, the log has ended the run; `superseded`, it goes on without this writer; `handed-over`, it is to; `abandoned`, the log did not answer for a whole lease; else the run's own end. */
export type Stopped = 'over' | 'superseded' | 'handed-over' | 'abandoned' | EndReason;

/** Where a run's commands go, and the cursor behind those that it has taken. */
export interface CommandInbox {
  onNews(news: WriterNews): void;
  cursor(): number;
  /** The run is handed over. Answers the steers that the model has taken: it takes no more. */
  handOver(): readonly SteerCommand[];
  /** Nothing more of this writer's comes into the log. What the model refuses now may be the next writer's. */
  giveUp(): void;
  /** The log has these chunks. */
  logged(chunks: readonly UIMessageChunk[]): void;
}

/**
 * Writes one run: model stream → coalescer → append → readers and publisher. One append in flight: the model is read no faster than the
 * log takes it, and chunks that come in one turn of the event loop are one frame (`appendTurn`).
 */
export class RunWriter {
  readonly #engine: Engine;
  readonly #live: LiveRun;
  readonly #fence: string;
  readonly #coalescer;
  readonly #changed: Notifier;
  readonly #commands: CommandInbox;
  readonly #abort = new AbortController();
  /** Aborts when nothing may be written any more. */
  readonly #over = new AbortController();
  #model: ModelStream | undefined;
  #stopped: Stopped | undefined;
  /** What the model's own stream came to, once it is over. */
  #modelEnd: 'finish' | 'cancel' | 'error' | 'lost' | undefined;
  #sawAbort = false;
  /** Resolves when the log has not answered for a whole lease. */
  readonly #logLeft: Promise<Stopped>;
  readonly #leaveLog: (why: Stopped) => void;
  readonly #calls: UnfinishedCalls;
  readonly #barrier: ToolBarrier;
  readonly #steps: RunSteps;
  readonly #resumed: ResumedRun | undefined;
  #rejoin: Rejoin | undefined;
  /** Whether a chunk has been taken. */
  #begun: boolean;
  /** Whether the model is not read, because too much waits for the log. */
  #holdsBack = false;
  readonly #idle: IdleWatch;

  constructor(engine: Engine, live: LiveRun, fence: string, commands: CommandInbox, resumed?: ResumedRun) {
    const { limits, clock, realtime, log, idleMs } = engine.options;
    let leaveLog: (why: Stopped) => void = () => {};
    this.#logLeft = new Promise((resolve) => {
      leaveLog = resolve;
    });
    this.#leaveLog = leaveLog;
    this.#engine = engine;
    this.#live = live;
    this.#fence = fence;
    this.#commands = commands;
    this.#calls = new UnfinishedCalls(continuedBy(live.record.start));
    this.#barrier = new ToolBarrier(continuedBy(live.record.start));
    this.#steps = new RunSteps(continuedBy(live.record.start), resumed?.chunks ?? []);
    this.#resumed = resumed;
    for (const chunk of resumed?.chunks ?? []) this.#calls.see(chunk);
    this.#begun = live.record.next > 0;
    this.#rejoin = resumed && rejoinStream(resumed.plan);
    this.#changed = new Notifier(clock);
    this.#idle = new IdleWatch(clock, idleMs, { isHeldBack: () => this.#holdsBack, onIdle: () => this.#giveUp() });
    this.#coalescer = createCoalescer({
      // A service that is the log has its messages from the appends. Every other one has a queue of its own, which holds up nobody.
      flushIntervalMs: realtime?.log === log ? limits.flushIntervalMs : 0,
      maxFrameBytes: Math.max(limits.maxMessageBytes - frameEnvelopeBytes, frameEnvelopeBytes),
    });
  }

  /** Aborts when the run is over. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get #isOver(): boolean {
    return this.#stopped !== undefined || this.#modelEnd !== undefined;
  }

  /** The model works, although it says nothing. */
  keepAlive(): void {
    this.#idle.heard();
  }

  /** Resolves once the log has the call; never where this writer has stopped. */
  async beforeTool(toolCallId: string): Promise<void> {
    const mark = this.#isOver ? undefined : this.#barrier.markOf(toolCallId);
    if (mark) {
      // The model's own `start` comes later, and is the message's second one.
      if (!this.#begun) this.#rejoin = rejoinStream({ dropStart: true, dropStartStep: false });
      this.#begin();
      this.#take(mark);
    }
    await this.#barrier.passed(toolCallId);
    if (this.#isOver) await new Promise<never>(() => {});
  }

  /** Resolves with the key of a call once the log has it. @see RespondInput.toolKey */
  async toolKey(toolCallId: string): Promise<string> {
    await this.beforeTool(toolCallId);
    return `${this.#live.record.runId}:${this.#steps.placeOf(toolCallId)}`;
  }

  /** Whether another writer can go on with what this one writes: without a barrier, not where a tool of the server may have run. */
  get mayGoOn(): boolean {
    const { onInterrupted, maxContinuations, toolBarrier } = this.#engine.options;
    // With the budget used up, the next writer could only end the run: this one does it, with what it has.
    const isAllowed = onInterrupted === 'continue' && this.#live.record.attempt <= maxContinuations;
    return isAllowed && (toolBarrier || !this.#steps.hasCalled(isServerTool(this.#engine.options)));
  }

  /** Hands the run over at the next boundary between two steps. */
  handOverSoon(): void {
    this.#steps.isDue = true;
  }

  /** Whether the run is handed over where the step ends that is under way. */
  get isHandedOver(): boolean {
    return this.#steps.isDue && this.mayGoOn;
  }

  /** Stops at once. `deadline` and `handed-over` still write what waits; after `over` nothing can be written. */
  stop(why: 'over' | 'superseded' | 'handed-over' | 'abandoned' | 'deadline'): void {
    // A call of the log may never settle: nothing waits for it any more.
    if (why === 'abandoned') this.#leaveLog(this.#stopped && !isWriting(this.#stopped) ? this.#stopped : why);
    if (this.#stopped && !(isWriting(this.#stopped) && !isWriting(why))) return;
    if (why === 'handed-over' && !this.#modelEnd) this.#takeSteers();
    this.#stopped = why;
    if (why === 'deadline' && !this.#modelEnd) this.#closeCalls();
    if (!isWriting(why)) {
      this.#over.abort(overReason);
      this.#commands.giveUp();
    }
    this.#leaveModel(new DOMException(`The run is over: ${why}.`, 'AbortError'));
    this.#changed.notify();
  }

  /** Resolves when nothing more will be written. Never rejects. */
  async write(respond: Respond): Promise<Stopped> {
    // Not awaited: a model that ignores its signal may hold this promise for ever, but not the run.
    void this.#pump(respond);
    try {
      return await Promise.race([this.#writeAll(), this.#logLeft]);
    } finally {
      this.#idle.stop();
    }
  }

  async #writeAll(): Promise<Stopped> {
    const { clock } = this.#engine.options;
    for (;;) {
      if (this.#stopped && !isWriting(this.#stopped)) return this.#stopped;
      const closing = this.#stopped ?? this.#modelEnd;
      const dueAt = this.#coalescer.dueAt();
      if (dueAt === Number.POSITIVE_INFINITY) {
        if (closing) return closing;
        await this.#changed.wait();
        continue;
      }
      const waitMs = closing ? 0 : dueAt - clock.now();
      if (waitMs > 0) {
        await this.#changed.wait({ ms: waitMs });
        continue;
      }
      if (!closing) await appendTurn(clock);
      if (!this.#stopped || isWriting(this.#stopped)) await this.#appendNext();
    }
  }

  async #pump(respond: Respond): Promise<void> {
    try {
      const plan = this.#resumed?.plan;
      const outputs = plan ? await this.#closeStep(plan) : [];
      if (this.#isOver) return;
      // Only a cancel of the model's own, an error or a finish is left to be recorded.
      if (plan?.end !== undefined) return this.#endModel(plan.end === 'lost' ? 'lost' : (plan.end as 'finish'));
      const output = await respond(outputs);
      this.#model = openModelStream(output, this.#live.record.start.messageId);
      if (this.#isOver) return this.#leaveModel(this.#abort.signal.reason);
      await this.#readModel(this.#model);
    } catch (error) {
      this.#failRun(error);
    }
  }

  /** Writes what makes the log of earlier writers whole. Answers the outputs of the calls that have run again. */
  async #closeStep({ append, again, close }: ContinuationPlan): Promise<UIMessageChunk[]> {
    const { tools = {} } = this.#engine.options;
    for (const chunk of append) this.#take(chunk);
    const outputs: UIMessageChunk[] = [];
    const running = { tools, signal: this.signal, errorText: (error: unknown) => this.#errorText(error) };
    for await (const output of runAgain(again, running)) {
      if (this.#isOver) return outputs;
      this.#idle.heard();
      this.#take(output);
      outputs.push(output);
    }
    this.#idle.heard();
    for (const chunk of close) this.#take(chunk);
    return outputs;
  }

  #giveUp(): void {
    const { idleMs } = this.#engine.options;
    const message =
      `The model sent nothing for ${idleMs} ms (\`idleMs\`). ` +
      'Call `keepAlive()` of `respond` while a tool works for longer.';
    this.#failRun(new ChatTransportError({ code: 'deadline', message }));
  }

  #failRun(error: unknown): void {
    if (this.#stopped || this.#modelEnd) return;
    const { chatId, runId } = this.#live.record;
    this.#engine.options.emit({ type: 'respond-failed', chatId, runId, error });
    this.#fail(error);
  }

  async #readModel(model: ModelStream): Promise<void> {
    for (;;) {
      this.#holdsBack = true;
      while (this.#coalescer.isFull && !this.#isOver) await this.#changed.wait();
      this.#holdsBack = false;
      if (this.#isOver) return;
      const said = await model.next();
      this.#idle.heard();
      if (this.#isOver) return;
      const chunk = said && this.#rejoin ? this.#rejoin(said) : said;
      if (said && !chunk) continue;
      if (!chunk) return this.#endModel(this.#sawAbort ? 'cancel' : 'finish');
      if (this.#steps.isBoundaryBefore(chunk) && this.mayGoOn) return this.stop('handed-over');
      if (chunk.type === 'abort' || chunk.type === 'error') this.#closeCalls();
      this.#take(chunk);
      if (this.#steps.isBoundaryAfter(chunk) && this.mayGoOn) return this.stop('handed-over');
      if (chunk.type === 'abort') this.#sawAbort = true;
      if (chunk.type !== 'error') continue;
      this.#leaveModel(new DOMException('The run has failed.', 'AbortError'));
      return this.#endModel('error');
    }
  }

  /**
   * Takes the steers that the model has taken for the step that it does not begin any more: their users know that they are in the answer. In a
   * step that is open, the model has said them in front of it.
   */
  #takeSteers(): void {
    for (const { id, parts } of this.#commands.handOver()) {
      if (!this.#steps.lacksSteer(id)) continue;
      this.#begin();
      this.#take({ type: 'steering-message', id, parts: [...parts] });
    }
  }

  /** What the run leaves open gets an output, so that the message can be sent to a model. */
  #closeCalls(): void {
    const closing = this.#calls.closing(this.#engine.options.unfinishedToolText);
    if (closing.length > 0) this.#begin();
    for (const chunk of closing) this.#take(chunk);
  }

  #begin(): void {
    if (!this.#begun) this.#take({ type: 'start', messageId: this.#live.record.start.messageId });
  }

  #take(chunk: UIMessageChunk): void {
    this.#calls.see(chunk);
    this.#steps.see(chunk);
    this.#coalescer.push(chunk);
    this.#begun = true;
    this.#changed.notify();
  }

  #endModel(end: 'finish' | 'cancel' | 'error' | 'lost'): void {
    this.#modelEnd = end;
    this.#changed.notify();
  }

  /** Ends the run with an error chunk in the log, behind a `start` if there is none yet. */
  #fail(error: unknown): void {
    this.#leaveModel(error);
    this.#begin();
    this.#closeCalls();
    this.#take({ type: 'error', errorText: this.#errorText(error) });
    this.#endModel('error');
  }

  #errorText(error: unknown): string {
    try {
      return this.#engine.options.onError(error);
    } catch {
      return 'An error occurred.';
    }
  }

  #leaveModel(reason: unknown): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
    this.#model?.leave(reason);
  }

  #appendNext(): Promise<void> {
    const before = this.#coalescer.pendingBytes;
    const chunks = this.#coalescer.take(this.#engine.options.clock.now());
    return this.#append(chunks, before - this.#coalescer.pendingBytes);
  }

  async #append(chunks: readonly UIMessageChunk[], bytes: number): Promise<void> {
    const { options, publisher } = this.#engine;
    const { record } = this.#live;
    const { chatId, runId, turn } = record;
    const at = this.#live.next;
    const frame = { at, next: at + chunks.length, chunks };
    const over = this.#over.signal;
    const appended = await askLog(options, { chatId, operation: 'append', signal: over }, async () => {
      const news = await options.log.append(record, this.#fence, frame, this.#commands.cursor());
      // A log of another make that answers something else has failed.
      return { ...news, commands: [...news.commands] };
    });
    if (this.#stopped === 'abandoned') return;
    if (!appended) return over.aborted ? undefined : this.stop('abandoned');
    const news = appended.answer;
    if (news.end) return this.stop('over');
    if (news.superseded) return this.stop('superseded');
    this.#barrier.logged(chunks);
    this.#commands.logged(chunks);
    this.#live.push(frame, bytes);
    publisher.publish(chatId, { v: wireVersion, run: runId, turn, ...frame });
    this.#commands.onNews(news);
    // A model that was held back may go on.
    this.#changed.notify();
  }
}

/** Makes the model's stream, behind the outputs of calls that this writer has run again. */
type Respond = (outputs: readonly UIMessageChunk[]) => Promise<RespondOutput>;

/** Whether a writer that stops for this reason still writes what waits. */
function isWriting(why: Stopped): boolean {
  return why === 'deadline' || why === 'handed-over';
}
