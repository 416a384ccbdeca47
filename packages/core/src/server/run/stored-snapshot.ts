import type { UIMessageChunk } from 'ai';
import type { RunRecord } from '../../log/run-log.ts';
import { continuedBy } from '../conversation/history.ts';
import type { RunSnapshot, SeenChunks } from './run-snapshot.ts';

/** From which length on an ended run's snapshot is kept in the log, in UTF-16 units of its chunks' JSON. Shorter runs are read as fast without it. */
export const storedFromLength: number = 64 * 1024;
/** The longest snapshot that is kept, in UTF-16 units: some stores have rows and messages of a megabyte or two. */
const maxStoredLength = 1024 * 1024;
/** Names the format. What names another one was written by another release, and the run is read frame by frame. */
const format = 1;

interface Heading {
  readonly format: number;
  readonly next: number;
  readonly seen: SeenChunks;
}

/**
 * An ended run as the log keeps it for readers that begin at 0: one line of JSON, and behind it the events, which are sent as they are.
 * `undefined` where it is not worth keeping, or depends on who reads it: what a run continues is not a part of it.
 */
export function storedSnapshot(run: RunRecord, snapshot: RunSnapshot): string | undefined {
  const { next } = snapshot;
  if (!run.end || next !== run.next || continuedBy(run.start)) return undefined;
  const heading: Heading = { format, next, seen: snapshot.seen };
  const text = `${JSON.stringify(heading)}\n${new TextDecoder().decode(snapshot.bytes(false))}`;
  return text.length <= maxStoredLength ? text : undefined;
}

/** A snapshot that the log kept. */
export interface KeptSnapshot {
  readonly snapshot: RunSnapshot;
  readonly length: number;
  /** The run's chunks, compacted: for the message that they make. */
  chunks(): readonly UIMessageChunk[];
}

/** Reads what `storedSnapshot` wrote; `undefined` for another format or another state of the run. */
export function readStoredSnapshot(run: RunRecord, text: string): KeptSnapshot | undefined {
  const headingEnd = text.indexOf('\n');
  const heading = JSON.parse(text.slice(0, Math.max(headingEnd, 0)) || 'null') as Heading | null;
  if (heading?.format !== format || heading.next !== run.next) return undefined;
  const events = text.slice(headingEnd + 1);
  const bytes = new TextEncoder().encode(events);
  return {
    snapshot: { next: heading.next, seen: heading.seen, bytes: () => bytes },
    length: text.length,
    chunks: () =>
      events.split('\n').flatMap((line) => (line.startsWith(data) ? [JSON.parse(line.slice(data.length))] : [])),
  };
}

const data = 'data: ';
