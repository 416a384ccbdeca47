import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { sleep } from '../clock.ts';
import type { ChatSession } from './chat-session.ts';
import { gaveUpRun } from './ledger/let-go.ts';
import { informedTurn } from './ledger/server-side.ts';
import { abortOf, asDisconnect, isTransient, persist, within } from './persist.ts';
import type { RunReader } from './run-reader.ts';

/** How long an ended run is still replayed to a page that has just loaded, in milliseconds: its messages may be older. */
const recentMs = 60_000;

type ReconnectOptions<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>['reconnectToStream']>[0];

/** The metadata of a resume that is for one run. */
export class ResumeOf {
  readonly runId: string;

  constructor(runId: string) {
    this.runId = runId;
  }
}

/** The call's own metadata: the AI SDK may carry that of a resume on to the sends that follow from it. */
export function ownMetadata(metadata: unknown): unknown {
  return metadata instanceof ResumeOf ? undefined : metadata;
}

/** What a resume asks for. */
interface Ask {
  /** The run that the resume is for; without it, the active one. */
  readonly runId: string | undefined;
  /** An error that the chat would forget because of this resume. */
  readonly errorBehind?: unknown;
}

/** Streams the chat's active run, or the one that `metadata` names; `null` when there is none. */
export async function resumeRun<UI_MESSAGE extends UIMessage>(
  session: ChatSession<UI_MESSAGE>,
  { abortSignal, ...call }: ReconnectOptions<UI_MESSAGE>,
): Promise<ReadableStream<UIMessageChunk> | null> {
  const { metadata } = call as { readonly metadata?: unknown };
  const isChosen = metadata instanceof ResumeOf;
  const wanted = isChosen ? metadata.runId : gaveUpRun(session.ledger.letGo);
  // React's StrictMode and hot reload abort and resume in one task: that is no stop. `syncChat` resumes a run of its own choice.
  session.stops.withdraw(wanted);
  const { closing, clock } = session.context;
  const request = within(closing);
  session.use({ ...call, metadata: ownMetadata(metadata) });
  if (!isChosen) for (const { runId } of session.ledger.letGo) session.dispatch({ type: 'taken-back', runId });
  let reader: RunReader | undefined;
  // Until there is a stream, an abort is a detach.
  abortSignal?.addEventListener('abort', () => reader ?? request.abort(), { signal: request.signal });
  // What went along with another send has no answer of its own, however long its response takes.
  const isOpen = ({ runId, hasBegun }: RunReader) =>
    hasBegun || session.ledger.outbox.some((send) => send.runId === runId);
  const sent = () => session.readers.find((each) => each.own && isOpen(each));
  /** Opens a stream, where the chat can show it: it shows one at a time, and what is sent here streams already. */
  const open = async (ask: Ask): Promise<RunReader | undefined> => {
    reader = await openRun(session, ask, request);
    // An older run's answer belongs further up in the conversation: the chat's state contains it.
    if (reader && !sent() && reader.turn >= (informedTurn(session.ledger.server) ?? 0)) return reader;
    reader?.end();
    reader = undefined;
  };
  const handOver = (opened: RunReader) => {
    const { runId, turn, endedAt } = opened;
    // All of the run may be here already: then its stream is over before it is handed over.
    session.dispatch({ type: 'stream-opened', runId, turn, endedAt });
    void opened.closed.then(() => request.abort());
    session.stops.watch(opened, abortSignal, request.signal);
    return opened.stream;
  };
  try {
    const first = sent();
    const opened = !first || (wanted && wanted !== first.runId) ? await open({ runId: wanted }) : undefined;
    if (opened) return handOver(opened);
    // The chat is ready once this resolves with nothing: not before it has read all of what was sent, and what it went on with by itself. A tool
    // may hold the reading back for long. After that, the chat sends in the same task, or the AI SDK itself shows `ready` while an asynchronous
    // `sendAutomaticallyWhen` decides.
    for (let own = sent(); own && !abortSignal?.aborted; own = sent()) {
      await Promise.race([own.read.then(() => sleep(clock, 0, closing)), abortOf(abortSignal)]);
      const refusal = session.ledger.outbox.find(({ runId, state }) => runId === own?.runId && state === 'refused');
      if (!refusal || sent() || abortSignal?.aborted) continue;
      // This resume would clear the error of the chat's own send.
      const running = await open({ runId: undefined, errorBehind: refusal.error });
      if (running) return handOver(running);
      throw refusal.error;
    }
  } catch (error) {
    request.abort();
    throw asDisconnect(error);
  }
  request.abort();
  return null;
}

async function openRun<UI_MESSAGE extends UIMessage>(
  session: ChatSession<UI_MESSAGE>,
  { runId: wanted, errorBehind }: Ask,
  request: AbortController,
): Promise<RunReader | undefined> {
  const { ledger, context } = session;
  const known = session.openKnown(wanted ?? ledger.server.active?.runId, { errorBehind });
  if (known) return known;
  // The snapshot alone: what follows comes by the chat's own path. An ended run is replayed only to a page that knows nothing of it.
  const query = {
    wait: 0,
    ...(wanted ? { run: wanted, from: 0, replay: 1 } : ledger.shown.baseTurn === undefined && { recent: recentMs }),
  };
  return persist(
    context,
    request.signal,
    async (attempt) => {
      const answer = await context.http.stream(session.chatId, query, attempt.signal, session.call);
      const { runId, turn } = answer;
      attempt.signal.throwIfAborted();
      if (!runId) {
        session.dispatch({ type: 'page-at', turn });
        return;
      }
      // This page's messages may be older than the run's: a send is checked against the turn before it.
      session.dispatch({ type: 'page-at', turn: turn - 1 });
      const reader = session.open(runId, { turn, replay: true, isFed: true, errorBehind });
      void session.readAnswer(reader, answer, attempt);
      return reader;
    },
    isTransient,
  );
}
