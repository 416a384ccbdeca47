import { readFileSync } from 'node:fs';
import type { UIMessage, UIMessageChunk } from 'ai';
import { describe, expect, it } from 'vitest';
import { readSse } from '../../src/client/sse-reader.ts';
import { foldMessage } from '../../src/wire/fold.ts';
import type { ChunksFrame, Frame } from '../../src/wire/frame.ts';
import { decodeFrame, encodeFrame, pointerFrame, UnknownFrame } from '../../src/wire/frame-codec.ts';

/**
 * What a server of an earlier release sent, recorded: two runs of one chat (a question, then the answer to a tool call, cancelled), as
 * published and as each kind of SSE body. Never changed: a release that cannot read this needs a new wire version.
 */
const recorded: {
  readonly published: readonly string[];
  readonly bodies: Readonly<Record<'first' | 'second' | 'resume' | 'follow', string>>;
  readonly messages: readonly UIMessage[];
} = JSON.parse(readFileSync(new URL('../fixtures/wire-0.0.json', import.meta.url), 'utf8'));

/** Packed frames as a release published them, and what they stand for. Never changed either. */
const packed: readonly { readonly published: string; readonly frame: Frame }[] = JSON.parse(
  readFileSync(new URL('../fixtures/wire-packed.json', import.meta.url), 'utf8'),
);

/** The same text as a newer server may send it: every frame says more, and there are events and frames of new kinds. */
function grown(frame: string): string {
  const { start, end, ...rest } = JSON.parse(frame);
  const more = { later: { nested: [1] } };
  return JSON.stringify({
    ...more,
    ...rest,
    ...(start && { start: { ...start, ...more } }),
    ...(end && { end: { ...end, ...more } }),
  });
}

function grownBody(body: string): string {
  const events = body
    .split('\n\n')
    .map((event) => event.replace(/^(event: frame\ndata: )(.*)$/, (_, head, frame) => head + grown(frame)));
  const added = [
    'event: presence\ndata: {"typing":true}',
    'event: frame\ndata: {"v":1,"run":"run-1","turn":1,"later":1}',
    'retry: 100',
  ];
  return [...added, ...events.slice(0, 1), ...added, ...events.slice(1)].join('\n\n');
}

async function read(body: string, runId: string, turn: number): Promise<{ frames: Frame[]; refused: unknown[] }> {
  const frames: Frame[] = [];
  const refused: unknown[] = [];
  await readSse({ body: new Response(body).body, runId, turn }, 0, false, {
    onFrame: (frame) => frames.push(frame),
    onBytes: () => {},
    onMalformed: (error) => refused.push(error),
  });
  return { frames, refused };
}

async function textOf(frames: readonly Frame[], run: string, messageId: string): Promise<UIMessage> {
  const chunks = frames
    .filter((frame): frame is ChunksFrame => 'chunks' in frame && frame.run === run)
    .flatMap((frame): UIMessageChunk[] => [...frame.chunks]);
  return foldMessage({ messageId, chunks });
}

describe('what an earlier release sent', () => {
  it('is read frame by frame', () => {
    expect(recorded.published.map((text) => decodeFrame(text))).toEqual(
      recorded.published.map((text) => JSON.parse(text)),
    );
    const kinds = recorded.published.map((text) => Object.keys(JSON.parse(text)).slice(3).join());
    expect(new Set(kinds)).toEqual(new Set(['start', 'at,next,chunks', 'at,next', 'at,end']));
  });

  const bodies = Object.entries(recorded.bodies);
  it.each(bodies)('is read from the body "%s" to its end, also where a newer server adds to it', async (name, body) => {
    const [run, turn] = name === 'second' || name === 'resume' ? ['run-2', 2] : ['run-1', 1];
    const plain = await read(body, run as string, turn as number);
    expect(plain.refused).toEqual([]);
    expect(plain.frames.at(-1)).toHaveProperty('end');
    const newer = await read(grownBody(body), run as string, turn as number);
    expect(newer.refused.every((error) => error instanceof UnknownFrame)).toBe(true);
    expect(newer.refused).toHaveLength(4);
    expect(JSON.parse(JSON.stringify(newer.frames, (key, value) => (key === 'later' ? undefined : value)))).toEqual(
      plain.frames,
    );
  });

  it('folds to the message that it folded to', async () => {
    const { frames } = await read(recorded.bodies.resume, 'run-2', 2);
    const message = await textOf(frames, 'run-2', 'id-1');
    expect(message).toEqual(recorded.messages.at(-1));
  });

  it.each(packed)('is read from the packed frame $published', ({ published, frame }) => {
    expect(decodeFrame(published)).toEqual(frame);
    expect(encodeFrame(frame)).toBe(published);
  });

  it.each(packed)('is read from the log by releases that know no packed frames: $published', ({ published, frame }) => {
    // They ignore the field. What is left are offsets.
    const seen = JSON.stringify(JSON.parse(published), (key, value) => (key === 'packed' ? undefined : value));
    expect(decodeFrame(seen)).toEqual(pointerFrame(frame as ChunksFrame));
  });

  it('says more without harm', () => {
    for (const text of recorded.published) expect(decodeFrame(grown(text))).toMatchObject(JSON.parse(text));
  });
});
