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
import { watchRun } from './run-watch.ts';
import { RunWriter, type Stopped } from './run-writer.ts';
import { Steers } from './steers.ts';

/** What a run is made from, beside its record. */
export type RunInput = Pick<RespondInput, 'messages' | 'body'> &
  Partial<Pick<RespondInput, 'message' | 'userId' | 'request'>> & {
    /** The run only records what its conversation has: `respond` is not called. */
    readonly recordsOnly?: boolean;
  };

/** Starts to write a run that has begun in the log. `done` resolves with the record at the run's end and never rejects. */
export function startRunTask(
  engine: Engine,
  run: RunRecord,
  fence: string,
  { recordsOnly = false, ...input }: RunInput,
): { readonly live: LiveRun; readonly done: Promise<RunRecord> } {
  const { options, publisher } = engine;
  const { clock, deadlineMs } = options;
  const live = new LiveRun(run, clock);
  const onNews = (news: WriterNews): void => {
    if (news.end) stopNow();
    else steers.take(news);
  };
  const lease = new Lease(clock, options.leaseMs);
  const writer = new RunWriter(engine, live, fence, {
    onNews(news) {
      lease.confirm();
      onNews(news);
    },
    cursor: () => steers.cursor,
  });
  const watching = new AbortController();
  const steers = new Steers(options, run, watching.signal);
  const over = new AbortController();
  const stopNow = (): void => {
    over.abort();
    writer.stop('over');
  };

  engine.live.set(keyOf(run), live);
  live.onCancel = stopNow;
  live.onSteer = (steer) => steers.takeOne(steer);
  live.onShutdown = () => writer.stop('deadline');
  publisher.publish(run.chatId, startFrameOf(run));
  options.emit({ type: 'run-started', chatId: run.chatId, runId: run.runId, turn: run.turn });
  const onLapsed = (): void => writer.stop('abandoned');
  watchRun({ options, run, fence, cursor: () => steers.cursor, lease, onNews, onLapsed, signal: watching.signal });
  const deadline = deadlineMs === undefined ? undefined : clock.setTimeout(() => writer.stop('deadline'), deadlineMs);

  const respond = async () => {
    if (recordsOnly) return new ReadableStream<UIMessageChunk>({ start: (controller) => controller.close() });
    return options.respond({
      chatId: run.chatId,
      runId: run.runId,
      turn: run.turn,
      messageId: run.start.messageId,
      trigger: run.start.trigger,
      signal: writer.signal,
      steering: steers.steering,
      keepAlive: () => writer.keepAlive(),
      ...input,
      // The app may change its list; what is saved is another.
      messages: [...input.messages],
    });
  };

  const work = async (): Promise<RunRecord> => {
    const stopped = await writer.write(respond);
    if (deadline !== undefined) clock.clearTimeout(deadline);
    if (stopped !== 'over') await steers.flush();
    const ended = await endRun(engine, live, fence, stopped, input.messages, over.signal);
    watching.abort();
    return ended;
  };
  return { live, done: work() };
}

/** Saves and ends a run, and tells everybody. */
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
  const isOpen = stopped !== 'over' && stopped !== 'abandoned';
  // A cancel while the answer is saved ends the run at once for everybody, not after the saving.
  if (isOpen) await Promise.race([finisher.finish(run, stopped, messages), whenAborted(over)]);

  // The log answers the end that holds: an earlier one stays.
  const asked = await askLog(
    options,
    { chatId: run.chatId, operation: 'end', signal: engine.closing, ...(stopped === 'abandoned' && { forMs: 0 }) },
    () => options.log.end(run, fence, { reason: isOpen ? stopped : 'error' }).catch((error) => emptied(error)),
  );
  // A log that was emptied has lost the run: devices and `onFinish` learn it from here, with what this process still has.
  const isEmptied = asked?.answer === 'emptied';
  const ended = isEmptied ? { ...run, end: { reason: 'lost' as const } } : (asked?.answer as RunRecord | undefined);
  const written = isEmptied ? await withKept(messages, live) : messages;
  engine.live.delete(keyOf(run));
  live.close(ended);
  if (!ended) return { ...run, end: { reason: 'lost' } };
  publisher.publish(run.chatId, endFrameOf(ended));
  const reason = ended.end?.reason ?? 'lost';
  options.emit({ type: 'run-ended', chatId: run.chatId, runId: run.runId, turn: run.turn, reason });
  const saved = finisher.finish(ended, reason, written);
  if (reason !== stopped) await saved;
  return ended;
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
