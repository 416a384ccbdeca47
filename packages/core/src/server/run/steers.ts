import {
  convertToModelMessages,
  experimental_createSteering,
  type Experimental_Steering as Steering,
  type UIMessageChunk,
} from 'ai';
import type { CommandReceipt, RunRecord, SteerCommand, WriterNews } from '../../log/run-log.ts';
import type { ResolvedOptions } from '../options.ts';
import { askLog } from './ask-log.ts';
import { settledWithin } from './notifier.ts';

/** How long a run's end waits for the outcomes of steers that are on their way into the log, in milliseconds. */
const settleTimeoutMs = 2000;

/** Hands a run's steers to the AI SDK's own steering, in order and once each, and their outcomes to the log. */
export class Steers {
  /** What `respond` gets. */
  readonly steering: Steering = experimental_createSteering();
  readonly #options: ResolvedOptions;
  readonly #run: RunRecord;
  readonly #fence: string;
  readonly #over: AbortSignal;
  readonly #settled = new Map<string, Promise<void>>();
  readonly #writes = new Set<Promise<unknown>>();
  #cursor = 0;
  #handedOver: Promise<void> = Promise.resolve();
  /** What the model has taken, in order. */
  readonly #taken: SteerCommand[] = [];
  /** The steers that the log has in the answer. */
  readonly #logged = new Set<string>();
  /** By steer: resolves when the log has it in the answer. */
  readonly #waiting = new Map<string, () => void>();
  /** `leaving`: what the model refuses is the next writer's. `left`: what it takes is, too, because nothing of this writer's comes any more. */
  #hold: 'kept' | 'leaving' | 'left' = 'kept';

  /** @param over Aborts when the log has settled what was open. */
  constructor(options: ResolvedOptions, run: RunRecord, fence: string, over: AbortSignal) {
    this.#options = options;
    this.#run = run;
    this.#fence = fence;
    this.#over = over;
  }

  /** The cursor behind the commands that were taken. */
  get cursor(): number {
    return this.#cursor;
  }

  /** These are a part of the answer already: an earlier writer has delivered them, and may not have settled them. */
  delivered(ids: readonly string[]): void {
    for (const id of ids) this.#settled.set(id, this.#settle(id, { outcome: 'delivered' }));
  }

  /** Takes what is new. Calls that were under way at the same time may have seen the same commands. */
  take({ commands, cursor }: Pick<WriterNews, 'commands' | 'cursor'>): void {
    for (const command of commands) void this.takeOne(command);
    this.#cursor = Math.max(this.#cursor, cursor);
  }

  /** Takes one steer; resolves when its outcome is in the log, which may be never before the run's end. */
  takeOne(steer: SteerCommand): Promise<void> {
    const known = this.#settled.get(steer.id);
    if (known) return known;
    const settled = this.#deliver(steer);
    this.#settled.set(steer.id, settled);
    return settled;
  }

  /** The run goes on without this writer soon: what it does not deliver is its successor's. */
  giveUp(): void {
    if (this.#hold === 'kept') this.#hold = 'leaving';
  }

  /** The run goes on without this writer now. Answers what it has delivered: the answer has to have all of it. */
  handOver(): readonly SteerCommand[] {
    this.#hold = 'left';
    return this.#taken;
  }

  /** The log has these chunks. */
  logged(chunks: readonly UIMessageChunk[]): void {
    for (const chunk of chunks) {
      if (chunk.type !== 'steering-message') continue;
      this.#logged.add(chunk.id);
      this.#waiting.get(chunk.id)?.();
    }
  }

  /** Waits for the outcomes that are known already. The log settles the others when the run ends. */
  async flush(): Promise<void> {
    if (this.#settled.size === 0) return;
    const { clock } = this.#options;
    // The AI SDK resolves outcomes with the end of its stream: they are promises in flight.
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 0));
    await settledWithin(clock, settleTimeoutMs, Promise.all(this.#writes));
  }

  async #settle(id: string, receipt: CommandReceipt): Promise<void> {
    const ask = { chatId: this.#run.chatId, operation: 'settle', signal: this.#over };
    const write = askLog(this.#options, ask, () => this.#options.log.settle(this.#run, this.#fence, id, receipt));
    this.#writes.add(write);
    await write.finally(() => this.#writes.delete(write));
  }

  async #inLog(id: string): Promise<void> {
    if (!this.#logged.has(id)) await new Promise<void>((resolve) => this.#waiting.set(id, resolve));
  }

  async #deliver(steer: SteerCommand): Promise<void> {
    const { id, parts } = steer;
    const { chatId, runId } = this.#run;
    try {
      const converted = convertToModelMessages([{ role: 'user', parts: [...parts] }]);
      const turn = this.#handedOver.then(() => converted);
      this.#handedOver = turn.then(
        () => {},
        () => {},
      );
      const message = (await turn).find(({ role }) => role === 'user');
      if (message?.role !== 'user') return;
      const outcome = await this.steering.steer(message, { id });
      const receipt =
        outcome.type === 'delivered'
          ? { outcome: 'delivered' as const }
          : { outcome: 'not-delivered' as const, reason: outcome.reason };
      const isDelivered = receipt.outcome === 'delivered';
      // Whoever goes on with the run hands over what this writer could not.
      if (this.#hold === 'left' || (this.#hold === 'leaving' && !isDelivered)) return;
      if (isDelivered) {
        this.#taken.push(steer);
        // A writer that is lost before its append leaves the steer to the next one, or to the run's end.
        await this.#inLog(id);
      }
      await this.#settle(id, receipt);
    } catch (error) {
      this.#options.emit({ type: 'steer-failed', chatId, runId, error });
    }
  }
}
