import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RunRecord, WriterNews } from '../../log/run-log.ts';
import { foldMessage } from '../../wire/fold.ts';
import { continuedBy, withRun } from '../conversation/history.ts';
import { type Engine, keyOf } from '../engine.ts';
import { endFrameOf, startFrameOf } from '../http/sse-text.ts';
import type { RespondInput } from '../options.ts';
import { askLog } from './ask-log.ts';
import { Lease } from './lease.ts';
import { LiveRun } from './live-run.ts';
import { overReason } from './over-reason.ts';
import { watchRun } from './run-watch.ts';
import { type ResumedRun, RunWriter, type Stopped } from './run-writer.ts';
import { Steers } from './steers.ts';
import { stopConditionOf } from './stop-when.ts';

/** What a run is made from, beside its record. */
export type RunInput = Pick<RespondInput, 'messages' | 'body'> &
  Partial<Pick<RespondInput, 'message' | 'userId' | 'request' | 'continuation'>> & {
    /** The run only records what its conversation has: `respond` is not called. */
    readonly recordsOnly?: boolean;
  };

/** What a writer goes on from that is not the run's first. */
export interface ResumedTask extends ResumedRun {
  /** What `respond` gets in the place of the history. `outputs`: of the calls that this writer has run again. */
  prepare(outputs: readonly UIMessageChunk[]): Promise<Pick<RespondInput, 'messages' | 'continuation'>>;
}

/** Starts to write a run that has begun in the log. `done` resolves with the record at the run's end and never rejects. */
export function startRunTask(
  engine: Engine,
  run: RunRecord,
  fence: string,
  { recordsOnly = false, ...input }: RunInput,
  resumed?: ResumedTask,
): { readonly live: LiveRun; readonly done: Promise<RunRecord> } {
  const { options, publisher } = engine;
  const { clock, deadlineMs, softDeadlineMs } = options;
  const live = new LiveRun(run, clock);
  const onNews = (news: WriterNews): void => {
    if (news.end) stopNow();
    else if (news.superseded) writer.stop('superseded');
    else steers.take(news);
  };
  const lease = new Lease(clock, options.leaseMs);
  const writer = new RunWriter(
    engine,
    live,
    fence,
    {
      onNews(news) {
        lease.confirm();
        onNews(news);
      },
      cursor: () => steers.cursor,
      handOver: () => steers.handOver(),
      giveUp: () => steers.giveUp(),
      logged: (chunks) => steers.logged(chunks),
    },
    resumed,
  );
  const watching = new AbortController();
  const steers = new Steers(options, run, fence, watching.signal);
  const over = new AbortController();
  steers.delivered(resumed?.plan.steers ?? []);
  const stopInTime = (): void => writer.stop(writer.mayGoOn ? 'handed-over' : 'deadline');
  const stopNow = (): void => {
    over.abort(overReason);
    writer.stop('over');
  };

  engine.live.set(keyOf(run), live);
  live.onCancel = stopNow;
  live.onSteer = (steer) => steers.takeOne(steer);
  live.onShutdown = stopInTime;
  // Devices have the start already, or find out.
  if (!resumed) publisher.publish(run.chatId, startFrameOf(run));
  if (!resumed) options.emit({ type: 'run-started', chatId: run.chatId, runId: run.runId, turn: run.turn });
  const onLapsed = (): void => {
    writer.stop('abandoned');
    // From now on the log alone knows what becomes of the run: its readers ask there, and any process may write it.
    letGo(engine, live);
    live.close(undefined);
  };
  watchRun({ options, run, fence, cursor: () => steers.cursor, lease, onNews, onLapsed, signal: watching.signal });
  const handOverSoon = (): void => {
    writer.handOverSoon();
    // The AI SDK refuses what waits when the model is stopped: it is the next writer's.
    if (writer.mayGoOn) steers.giveUp();
  };
  const deadlines = [
    ...(deadlineMs === undefined ? [] : [clock.setTimeout(stopInTime, deadlineMs)]),
    ...(softDeadlineMs === undefined ? [] : [clock.setTimeout(handOverSoon, softDeadlineMs)]),
  ];

  const respond = async (outputs: readonly UIMessageChunk[]) => {
    if (recordsOnly) return new ReadableStream<UIMessageChunk>({ start: (controller) => controller.close() });
    const { messages, continuation } = (await resumed?.prepare(outputs)) ?? input;
    return options.respond({
      chatId: run.chatId,
      runId: run.runId,
      turn: run.turn,
      messageId: run.start.messageId,
      trigger: run.start.trigger,
      signal: writer.signal,
      steering: steers.steering,
      keepAlive: () => writer.keepAlive(),
      beforeTool: (toolCallId) => writer.beforeTool(toolCallId),
      toolKey: (toolCallId) => writer.toolKey(toolCallId),
      stopWhen: (...conditions) => stopConditionOf(conditions, continuation, () => writer.isHandedOver),
      ...input,
      ...(continuation && { continuation }),
      // The app may change its list; what is saved is another.
      messages: upTo(messages, run.start.messageId),
    });
  };

  const work = async (): Promise<RunRecord> => {
    const stopped = await writer.write(respond);
    for (const deadline of deadlines) clock.clearTimeout(deadline);
    const goesOn = stopped === 'superseded' || stopped === 'handed-over';
    if (goesOn) steers.giveUp();
    if (stopped !== 'over' && stopped !== 'superseded') await steers.flush();
    const ended = await endRun(engine, live, fence, stopped, input.messages, over.signal);
    watching.abort(overReason);
    return ended;
  };
  const done = work();
  // The server began to close while the run began.
  if (engine.draining.aborted) stopInTime();
  return { live, done };
}

/**
 * The conversation up to the message that a run goes on with, where it is an earlier one. The AI SDK runs the approved calls of the last message: of a
 * later one they belong to another run.
 */
function upTo(messages: readonly UIMessage[], messageId: string): UIMessage[] {
  const at = messages.findIndex(({ id }) => id === messageId);
  return at < 0 ? [...messages] : messages.slice(0, at + 1);
}

/** Saves and ends a run, and informs everybody. */
async function endRun(
  engine: Engine,
  live: LiveRun,
  fence: string,
  stopped: Stopped,
  messages: readonly UIMessage[],
  over: AbortSignal,
): Promise<RunRecord> {
  const { options, publisher, finisher } = engine;
  const run: RunRecord = { ...live.record, next: live.next };
  const mayGoOn = options.onInterrupted === 'continue';
  if (stopped === 'superseded' || (mayGoOn && stopped === 'abandoned')) return leave(engine, live);
  if (stopped === 'handed-over') {
    const ask = { chatId: run.chatId, operation: 'release', signal: engine.closing, timeoutMs: options.leaseMs };
    const released = await askLog(options, ask, () => options.log.release(run, fence));
    // A cancel may have come first: then this writer reports it, below.
    if (!released?.answer.end) {
      const left = leave(engine, live);
      if (released) engine.background(engine.continuations.handedOver(released.answer));
      return left;
    }
  }
  // A writer that was frozen saves nothing of a run that another one has.
  if (mayGoOn && stopped !== 'over') {
    const ask = { chatId: run.chatId, operation: 'renew', signal: engine.closing, timeoutMs: options.leaseMs };
    const renewed = await askLog(options, ask, () => options.log.renew(run, fence));
    if (!renewed || renewed.answer.superseded) return leave(engine, live);
  }
  const isOpen = stopped !== 'over' && stopped !== 'abandoned' && stopped !== 'handed-over';
  // A cancel while the answer is saved ends the run at once for everybody, not after the saving.
  if (isOpen) await Promise.race([finisher.finish(run, stopped, messages), whenAborted(over)]);

  // The log answers the end that holds: an earlier one stays.
  const asked = await askLog(
    options,
    {
      ...{ chatId: run.chatId, operation: 'end', signal: engine.closing, timeoutMs: options.leaseMs },
      ...(stopped === 'abandoned' && { forMs: 0 }),
    },
    () => options.log.end(run, fence, { reason: isOpen ? stopped : 'error' }).catch((error) => emptied(error)),
  );
  // A log that was emptied has lost the run: devices and `onFinish` learn it from here, with what this process still has.
  const isEmptied = asked?.answer === 'emptied';
  const ended = isEmptied ? { ...run, end: { reason: 'lost' as const } } : (asked?.answer as RunRecord | undefined);
  // The end, too, belongs to its successor, which has informed everybody.
  if (ended && (!ended.end || ended.attempt > run.attempt)) return leave(engine, live);
  const written = isEmptied ? await withKept(messages, live) : messages;
  letGo(engine, live);
  live.close(ended);
  if (!ended) return { ...run, end: { reason: 'lost' } };
  publisher.publish(run.chatId, endFrameOf(ended));
  const reason = ended.end?.reason ?? 'lost';
  options.emit({ type: 'run-ended', chatId: run.chatId, runId: run.runId, turn: run.turn, reason });
  const saved = finisher.finish(ended, reason, written);
  if (reason !== stopped) await saved;
  return ended;
}

/** The run goes on without this writer: nothing is published, saved, or taken from its successor. Readers go on from the log. */
function leave(engine: Engine, live: LiveRun): RunRecord {
  const { chatId, runId, attempt } = live.record;
  letGo(engine, live);
  live.close(undefined);
  engine.options.emit({ type: 'run-interrupted', chatId, runId, attempt });
  return { ...live.record, next: live.next, interrupted: true };
}

/** Removes the writer from this process, unless another writer of the same run has taken its place. */
function letGo(engine: Engine, live: LiveRun): void {
  const key = keyOf(live.record);
  if (engine.live.get(key) === live) engine.live.delete(key);
}

function emptied(error: unknown): 'emptied' {
  if (ChatTransportError.isInstance(error) && error.code === 'not-found') return 'emptied';
  throw error;
}

/** The conversation with the run's answer, where all of its frames are still in memory. */
async function withKept(messages: readonly UIMessage[], live: LiveRun): Promise<readonly UIMessage[]> {
  const { record } = live;
  const chunks = live.framesFrom(0)?.flatMap((frame) => [...frame.chunks]);
  if (!chunks || chunks.length === 0) return messages;
  const message = continuedBy(record.start);
  const { messageId } = record.start;
  return withRun(messages, record.start, await foldMessage({ ...(message && { message }), messageId, chunks }));
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
