import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RunKey, RunRecord, TakenOver } from '../../log/run-log.ts';
import { continuedBy } from '../conversation/history.ts';
import { type Engine, keyOf } from '../engine.ts';
import { endFrameOf } from '../http/sse-text.ts';
import type { Continuation } from '../options.ts';
import { askLog } from './ask-log.ts';
import type { ContinueRequest } from './continue-token.ts';
import { type ContinuationPlan, isServerTool, planContinuation } from './plan-continuation.ts';
import { continuationMessages } from './rejoin-stream.ts';
import { type ResumedTask, type RunInput, startRunTask } from './run-task.ts';

/** How many requests to go on this process remembers. One more is made twice, which costs a refusal. */
const maxRemembered = 1000;

/** What the first writer of a run keeps for the next one. */
export interface RunContext {
  readonly body: Readonly<Record<string, unknown>>;
  readonly userId?: string;
}

/** Goes on with runs whose writers have stopped. Nothing here rejects. */
export interface Continuations {
  /** Somebody has found this run. Where it has no writer, `continueRun` is asked, else this process takes it over, unless another one does. */
  found(run: RunRecord): Promise<void>;
  /** This process has given the run up. */
  handedOver(run: RunRecord): Promise<void>;
  /** Takes a run over as its next writer. Answers whether this call has made this process its writer. */
  goOn(key: RunKey, attempt: number): Promise<boolean>;
}

/** @see Continuations */
export function createContinuations(parts: Omit<Engine, 'continuations'>): Continuations {
  const engine = parts as Engine;
  const { options, live } = engine;
  const { onInterrupted, continueRun, clock, leaseMs, emit } = options;
  const trying = new Map<string, Promise<boolean>>();
  /** When somebody was asked to go on, by run and attempt; `failed` where that was in vain. */
  const asked = new Map<string, number | 'failed'>();

  const isOurs = (key: RunKey): boolean =>
    onInterrupted === 'continue' && !engine.draining.aborted && !live.has(keyOf(key));

  const goOn = (key: RunKey, attempt: number): Promise<boolean> => {
    if (!isOurs(key)) return Promise.resolve(false);
    const id = `${keyOf(key)}/${attempt}`;
    const known = trying.get(id);
    // The other call is the one that makes a writer.
    if (known) return known.then(() => false);
    const work = takeOver(engine, key, attempt)
      .catch((error: unknown) => {
        emit({ type: 'log-failed', chatId: key.chatId, operation: 'takeOver', error });
        return false;
      })
      .finally(() => trying.delete(id));
    trying.set(id, work);
    engine.background(work);
    return work;
  };

  const remember = (id: string, answer: number | 'failed'): void => {
    asked.set(id, answer);
    if (asked.size > maxRemembered) for (const oldest of asked.keys()) return void asked.delete(oldest);
  };

  /** Answers whether somebody was asked. */
  const ask = async (ask: NonNullable<typeof continueRun>, { chatId, runId, attempt }: ContinueRequest) => {
    const id = `${chatId}/${runId}/${attempt}`;
    remember(id, clock.now());
    try {
      await ask({ chatId, runId, attempt });
      return true;
    } catch (error) {
      remember(id, 'failed');
      emit({ type: 'continue-failed', chatId, runId, attempt, error });
      return false;
    }
  };

  return {
    goOn,
    async handedOver(run) {
      if (continueRun) await ask(continueRun, run);
    },
    async found(run) {
      if (!run.interrupted || !isOurs(run)) return;
      const before = asked.get(`${keyOf(run)}/${run.attempt}`);
      // Whoever was asked has not come for a whole lease.
      const isInVain = before === 'failed' || (before !== undefined && clock.now() - before >= leaseMs);
      if (before !== undefined && !isInVain) return;
      if (continueRun && !isInVain && (await ask(continueRun, run))) return;
      await goOn(run, run.attempt);
    },
  };
}

/** Makes this process the run's writer. Answers whether it is. */
async function takeOver(engine: Engine, key: RunKey, attempt: number): Promise<boolean> {
  const { options, publisher, finisher } = engine;
  const { log, maxContinuations, emit, clock, leaseMs } = options;
  const { chatId, runId } = key;
  const askedAt = clock.now();
  const fence = crypto.randomUUID();
  const ask = { chatId, operation: 'takeOver', signal: engine.draining, timeoutMs: leaseMs };
  const taken = await askLog(options, ask, () =>
    log.takeOver(key, { ifAttempt: attempt, fence, max: maxContinuations }),
  );
  if (taken?.answer.type === 'exhausted') {
    const { run } = taken.answer;
    emit({ type: 'continuation-exhausted', chatId, runId, attempt });
    publisher.publish(chatId, endFrameOf(run));
    await finisher.finish(run, 'lost');
    return false;
  }
  if (taken?.answer.type !== 'taken-over') return false;
  // Only now: what was read before may lack what the last writer has appended.
  const read = await askLog(options, { ...ask, operation: 'read' }, async () => ({
    chunks: await chunksOf(engine, key),
    history: (await log.state(chatId)).messages,
  }));
  // Not even the log answers: the lease expires, and somebody else takes the run over.
  if (!read) return false;
  // The process may have stood still meanwhile: then the lease is over, and the run may have another writer.
  if (clock.now() - askedAt >= leaseMs) return false;
  startWriter(engine, taken.answer, fence, read.answer);
  return true;
}

/** What the log has of a run that goes on. */
interface Written {
  readonly chunks: readonly UIMessageChunk[];
  /** The conversation that the run answers. */
  readonly history: readonly UIMessage[];
}

function startWriter(
  engine: Engine,
  { run, context, released }: Extract<TakenOver, { type: 'taken-over' }>,
  fence: string,
  { chunks, history }: Written,
): void {
  const { options } = engine;
  const { chatId, runId, attempt } = run;
  const plan = planContinuation({
    chunks,
    continued: continuedBy(run.start),
    isServerTool: isServerTool(options),
    mayRunAgain: (name) => options.retryTools.includes(name),
    hasBarrier: options.toolBarrier,
  });
  options.emit({ type: 'run-continued', chatId, runId, attempt });
  for (const { toolCallId, toolName } of plan.unknown) {
    options.emit({ type: 'tool-effect-unknown', chatId, runId, toolCallId, toolName });
  }
  const prepare: ResumedTask['prepare'] = async (outputs) => {
    const all = [...chunks, ...plan.append, ...outputs, ...plan.close];
    const { messages, message } = await continuationMessages(history, run.start, plan, all);
    const continuation: Continuation = {
      attempt,
      reason: released ? 'handed-over' : 'stopped',
      steps: plan.steps,
      resumed: resumedAt(plan),
      ...(message && { message }),
    };
    return { messages, continuation };
  };
  const { body = {}, userId } = (context ?? {}) as Partial<RunContext>;
  const last = history.at(-1);
  const message = run.start.trigger === 'submit-message' && last?.role === 'user' ? last : undefined;
  const input: RunInput = {
    messages: [...history],
    body,
    ...(message && { message }),
    ...(userId !== undefined && { userId }),
  };
  const { done } = startRunTask(engine, run, fence, input, { chunks, plan, prepare });
  engine.background(done);
}

/** `respond` is only called for a plan without an end: these are all that are left. */
function resumedAt({ kind }: ContinuationPlan): Continuation['resumed'] {
  return kind === 'boundary' || kind === 'reset' || kind === 'seal' ? kind : 'fresh';
}

/** All chunks of a run, as they are in the log. */
async function chunksOf(engine: Pick<Engine, 'options'>, key: RunKey): Promise<UIMessageChunk[]> {
  const chunks: UIMessageChunk[] = [];
  for (let from = 0; ; ) {
    const { frames, run } = await engine.options.log.read(key, { from });
    for (const frame of frames) chunks.push(...frame.chunks);
    from = frames.at(-1)?.next ?? from;
    if (from >= run.next) return chunks;
    if (frames.length > 0) continue;
    throw new ChatTransportError({
      code: 'provider-failed',
      message: 'The log returned fewer chunks of the run than it has.',
    });
  }
}
