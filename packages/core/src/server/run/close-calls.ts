import type { UIMessageChunk } from 'ai';
import type { RunRecord } from '../../log/run-log.ts';
import { UnfinishedCalls, unfinishedToolText } from '../../wire/unfinished-calls.ts';
import { continuedBy } from '../conversation/history.ts';

/**
 * The chunks that close what an ended run left open. A writer that lives writes them itself; where a run was cancelled or lost, nobody can write
 * any more, and everybody who reads the run adds the same ones. A run that came to its own end left open what waits for a client.
 */
export function closingChunks({ start, end }: RunRecord, chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  if (!end || end.reason === 'finish') return [];
  const calls = new UnfinishedCalls(continuedBy(start));
  for (const chunk of chunks) calls.see(chunk);
  return calls.closing(unfinishedToolText);
}

/** A run's chunks with the calls closed that it left open, in front of its `error` chunk: a reader stops there. */
export function withCallsClosed(run: RunRecord, chunks: readonly UIMessageChunk[]): readonly UIMessageChunk[] {
  const closing = closingChunks(run, chunks);
  if (closing.length === 0) return chunks;
  const error = chunks.findIndex(({ type }) => type === 'error');
  return chunks.toSpliced(error < 0 ? chunks.length : error, 0, ...closing);
}
