import { readFileSync } from 'node:fs';

/** One line of the recording: a socket that opens or closes, a frame, or what made the server speak. */
export interface Line {
  readonly s: string;
  /** The socket's number. */
  readonly c: number;
  readonly k: 'open' | 'out' | 'in' | 'close' | 'batch' | 'sql';
  /** A frame: text, or the bytes of a binary one as Latin-1 behind `bin:`. */
  readonly d: string;
  readonly url: string;
}

/**
 * Frames that went between `@supabase/supabase-js` 2.109 and Realtime v2.122.0 on 2026-11-22, `>` from the client. Left out: presence, replay, `postgres_changes`, most
 * of two bursts. Lines `batch` and `sql` were added: what the recorder did in between. The payloads of `bigws` are shorter than they were.
 */
export function readTranscript(): Line[] {
  const text = readFileSync(new URL('../fixtures/realtime-transcript.jsonl', import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** A frame as it goes over the wire. */
export function frameOf(text: string): string | Buffer {
  return text.startsWith('bin:') ? Buffer.from(text.slice(4), 'latin1') : text;
}

/** A frame as the recording has it. Ids are new each time. */
export function lineOf(data: Buffer, isBinary: boolean): string {
  return isBinary ? `bin:${data.toString('latin1')}` : data.toString();
}

const userId = '11111111-1111-1111-1111-111111111111';

/** A frame without what differs from one recording to the next. */
export function normalized(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => (id === userId ? id : '<id>'));
}
