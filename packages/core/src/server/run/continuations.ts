import { isExecutableTool } from '@ai-sdk/provider-utils';
import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RunKey, RunRecord } from '../../log/run-log.ts';
import { continuedBy } from '../conversation/history.ts';
import { type Engine, keyOf } from '../engine.ts';
import { endFrameOf } from '../http/sse-text.ts';
import { askLog } from './ask-log.ts';
import { type ContinuationPlan, planContinuation } from './plan-continuation.ts';
import { continuationMessages } from './rejoin-stream.ts';
import { startRunTask } from './run-task.ts';

/** What the first writer of a run keeps for the next one. */
export interface RunContext {
  readonly body: Readonly<Record<string, unknown>>;
  readonly userId?: string;
}

/** Goes on with runs whose writers have stopped. */
export interface Continuations {
  /** Somebody has found this run without a writer: this process takes it over, unless another one does. */
  found(run: RunRecord): void;
  /** Takes a run over as its next writer. Answers whether this process writes it now. Never rejects. */
  goOn(key: RunKey, attempt: number): Promise<boolean>;
}

/** @see Continuations */
export function createContinuations(engine: Omit<Engine, 'continuations'>): Continuations {
  const { options, publisher, finisher, live } = engine;
  const { log, onInterrupted, maxContinuations, emit } = options;
  const trying = new Map<string, Promise<boolean>>();

  const take = async (key: RunKey, attempt: number): Promise<boolean> => {
    const { chatId, runId } = key;
    const fence = crypto.randomUUID();
    const ask = { chatId, operation: 'takeOver', signal: engine.draining };
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
    const { run, context } = taken.answer;
    // Only now: what was read before may lack what the last writer has appended.
    const read = await askLog(options, { ...ask, operation: 'read' }, async () => ({
      chunks: await chunksOf(engine, key),
      history: (await log.state(chatId)).messages,
    }));
    // Not even the log answers: the lease expires, and somebody else takes the run over.
    if (!read) return false;
    const { chunks, history } = read.answer;
    const plan = planContinuation({
      chunks,
      continued: continuedBy(run.start),
      isServerTool: (name) => Object.hasOwn(options.tools ?? {}, name) && isExecutableTool(options.tools?.[name]),
      mayRunAgain: () => false,
      hasBarrier: options.toolBarrier,
    });
    emit({ type: 'run-continued', chatId, runId, attempt: run.attempt });
    for (const { toolCallId, toolName } of plan.unknown) {
      emit({ type: 'tool-effect-unknown', chatId, runId, toolCallId, toolName });
    }
    startWriter(run, fence, plan, chunks, history, context as RunContext | undefined);
    return true;
  };

  const startWriter = (
    run: RunRecord,
    fence: string,
    plan: ContinuationPlan,
    chunks: readonly UIMessageChunk[],
    history: readonly UIMessage[],
    { body = {}, userId }: Partial<RunContext> = {},
  ): void => {
    const sealed = [...chunks, ...plan.append, ...plan.close];
    const prepare = async () => {
      const { messages, message } = await continuationMessages(history, run.start, plan, sealed);
      const continuation = { attempt: run.attempt, steps: plan.steps, ...(message && { message }) };
      return { messages, continuation };
    };
    const last = history.at(-1);
    const message = run.start.trigger === 'submit-message' && last?.role === 'user' ? last : undefined;
    const resumed = { chunks, plan, prepare };
    const input = { messages: history, body, ...(message && { message }), ...(userId !== undefined && { userId }) };
    const { done } = startRunTask(engine as Engine, run, fence, input as Parameters<typeof startRunTask>[3], resumed);
    engine.background(done);
  };

  const goOn = (key: RunKey, attempt: number): Promise<boolean> => {
    if (onInterrupted !== 'continue' || engine.draining.aborted || live.has(keyOf(key))) return Promise.resolve(false);
    const id = `${keyOf(key)}/${attempt}`;
    const known = trying.get(id);
    if (known) return known;
    const work = take(key, attempt)
      .catch((error: unknown) => {
        emit({ type: 'log-failed', chatId: key.chatId, operation: 'takeOver', error });
        return false;
      })
      .finally(() => trying.delete(id));
    trying.set(id, work);
    engine.background(work);
    return work;
  };

  return {
    goOn,
    found(run) {
      if (!run.interrupted || onInterrupted !== 'continue' || live.has(keyOf(run))) return;
      void goOn(run, run.attempt);
    },
  };
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
    throw new ChatTransportError({ code: 'provider-failed', message: 'The log answered less than it has.' });
  }
}
