import { ChatTransportError } from '../../errors.ts';
import { isId } from '../../ids.ts';
import type { RunKey, RunRecord } from '../../log/run-log.ts';
import { privateCacheControl } from '../../wire/routes.ts';
import { parseSseId, type SseId } from '../../wire/sse-id.ts';
import { noteLost } from '../conversation/head.ts';
import type { Engine } from '../engine.ts';
import { partyOf } from '../run/fair-turns.ts';
import type { LogPage } from '../run/read-run.ts';
import type { HandlerContext } from './handler-context.ts';
import { createPatience } from './patience.ts';
import { eventResponse, runHeaders, runResponse } from './run-response.ts';
import { followChat } from './stream-run.ts';

/** The longest `?wait`, in milliseconds: below the idle limits of common proxies. */
export const maxWaitMs = 25_000;

/**
 * `GET {api}/{chatId}/stream`: a run from a position, or the active one, or (`?follow`) every run behind a turn.
 * A follower names the active run that it is in by `?run=&from=`; without it, only turns after `follow` are reported.
 */
export async function streamRoute(
  context: HandlerContext,
  request: Request,
  chatId: string,
  isHeld = false,
): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const follow = countOf(query, 'follow');
  const recentMs = countOf(query, 'recent') ?? -1;
  const waitMs = countOf(query, 'wait');
  const position = positionOf(request, query);
  const allowed = await context.allow(request, chatId, 'read');
  const countedAs = waitMs === 0 ? 'read' : 'stream';
  const access = { request, chatId, countedAs, ...allowed } as const;
  const party = partyOf(chatId, allowed.userId);

  const { engine } = context;
  const { log, clock } = engine.options;
  const patience = waitMs === undefined ? undefined : createPatience(() => clock.now(), Math.min(waitMs, maxWaitMs));
  // A reader that empties the message as it begins, and knows its run already.
  const withEarlierParts = position?.next === 0 && query.has('replay');
  const begun = position && (await begin(engine, { chatId, runId: position.run }, position.next, party));
  const run = begun?.run;
  if (run) noteLost(engine, run);

  if (follow !== undefined) {
    const from = {
      turn: follow,
      offset: position?.next ?? 0,
      withEarlierParts,
      party,
      read: begun?.read,
      ...(run && { run }),
    };
    return eventResponse(context, access, run?.turn ?? follow, run, patience, (signal) =>
      followChat(engine, chatId, from, signal, patience),
    );
  }
  if (position && run) {
    const view = { from: position.next, withEarlierParts, read: begun.read, isHeld, party };
    return runResponse(context, access, run, view, patience);
  }

  const state = await engine.states.call(chatId, 'runs', () => log.state(chatId), party);
  const newest = state.runs.findLast(({ turn }) => turn === state.turn);
  if (newest) noteLost(engine, newest);
  if (newest && (!newest.end || (newest.endedAgoMs ?? Number.POSITIVE_INFINITY) <= recentMs)) {
    return runResponse(context, access, newest, { from: 0, withEarlierParts: true, party }, patience);
  }
  return new Response(null, {
    status: 204,
    headers: { 'cache-control': privateCacheControl, ...runHeaders(state.turn) },
  });
}

/** The run that a reader has a position in, and what the log has behind it. A reader from the start shares its read with others. */
async function begin(
  engine: Engine,
  key: RunKey,
  from: number,
  party: string,
): Promise<{ readonly run: RunRecord; readonly read?: LogPage }> {
  if (from === 0) {
    const { log } = engine.options;
    const { runs } = await engine.states.call(key.chatId, 'runs', () => log.state(key.chatId), party);
    const run = runs.find(({ runId }) => runId === key.runId);
    // The log may keep a copy of all that it said.
    if (run) return run.end ? { run } : engine.runs.read(run, party);
  }
  await engine.turns.take(party);
  const read = await engine.options.log.read(key, { from });
  return { run: read.run, ...(read.frames.length > 0 && { read }) };
}

/** The reader's position. A browser that reconnects by itself sends its newest one as a header, beside the address it began with. */
function positionOf(request: Request, query: URLSearchParams): SseId | undefined {
  const header = request.headers.get('last-event-id');
  if (header) return parseSseId(header) ?? refuse('Last-Event-ID is not a position.');
  const run = query.get('run');
  const next = countOf(query, 'from');
  if (run === null) return next === undefined ? undefined : refuse('from needs run.');
  if (!isId(run)) throw new ChatTransportError({ code: 'invalid-id', message: 'run is not a run id.' });
  return { run, next: next ?? 0 };
}

/** A query parameter that counts something. @throws ChatTransportError `invalid-offset`. */
export function countOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return;
  const value = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(value)
    ? value
    : refuse(`${name} must be a whole number, 0 or more.`);
}

function refuse(message: string): never {
  throw new ChatTransportError({ code: 'invalid-offset', message });
}
