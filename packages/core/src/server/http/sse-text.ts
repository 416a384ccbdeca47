import type { UIMessageChunk } from 'ai';
import type { RunRecord } from '../../log/run-log.ts';
import { type EndReason, type Frame, wireVersion } from '../../wire/frame.ts';
import { encodeFrame } from '../../wire/frame-codec.ts';
import { withRequiredValues } from '../../wire/required-values.ts';
import { formatSseId } from '../../wire/sse-id.ts';

/** The first bytes of every stream, so that proxies and clients see it open at once. */
export const sseOpening = ': ok\n\n';
/** What says that a silent stream is alive. */
export const sseHeartbeat = ': heartbeat\n\n';

/** Chunks as events, one each. The position behind them goes with the last one. PROTOCOL.md section 4. */
export function sseGroup(chunks: readonly UIMessageChunk[], position?: { run: string; next: number }): string {
  const last = chunks.length - 1;
  return chunks
    .map((chunk, index) => {
      const id = position && index === last ? `id: ${formatSseId(position)}\n` : '';
      return `${id}data: ${JSON.stringify(withRequiredValues(chunk))}\n\n`;
    })
    .join('');
}

/** A start or end for clients that follow a chat. */
export function sseFrame(frame: Frame): string {
  return `event: frame\ndata: ${encodeFrame(frame)}\n\n`;
}

/** The run's end. `lastChunks` is what stock readers have to see in front of it. */
export function sseEnd(run: RunRecord, reason: EndReason, lastChunks: readonly UIMessageChunk[]): string {
  const id = formatSseId({ run: run.runId, next: run.next, reason });
  return `${sseGroup(lastChunks)}id: ${id}\ndata: [DONE]\n\n`;
}

/** The chunk that reports an end to a stock reader where the stream itself does not show it. */
export function closingChunk(reason: EndReason, sawError: boolean, sawAbort: boolean): UIMessageChunk | undefined {
  if (reason === 'finish') return;
  if (reason === 'cancel') return sawAbort ? undefined : { type: 'abort' };
  return sawError ? undefined : { type: 'error', errorText: errorTexts[reason] };
}

const errorTexts: Record<'error' | 'deadline' | 'lost', string> = {
  error: 'The answer failed before it was complete.',
  deadline: 'The answer was cut short because its server had no more time.',
  lost: 'The answer was cut short because the server that wrote it stopped.',
};

export function startFrameOf({ runId, turn, start }: RunRecord): Frame {
  return { v: wireVersion, run: runId, turn, start };
}

export function endFrameOf({ runId, turn, next, end }: RunRecord): Frame {
  return { v: wireVersion, run: runId, turn, at: next, end: { reason: end?.reason ?? 'lost' } };
}
