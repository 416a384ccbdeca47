import { type AbortDecision, awaitDecision } from './abort-decision.ts';
import type { ChatSession } from './chat-session.ts';
import { asDisconnect } from './persist.ts';
import type { RunReader } from './run-reader.ts';

/** What became of the runs that this device stopped or detached from. */
export class RunStops {
  // biome-ignore lint/suspicious/noExplicitAny: stops do not look into messages.
  readonly #session: ChatSession<any>;
  #newest: (AbortDecision & { readonly runId: string }) | undefined;

  // biome-ignore lint/suspicious/noExplicitAny: as above.
  constructor(session: ChatSession<any>) {
    this.#session = session;
  }

  /**
   * What happens when `signal` aborts while `reader` is read: this device detaches from the run at once, and decides one task later whether that was a stop.
   * The AI SDK's signal outlives the run: after `isOver`, a stop is for something else.
   */
  watch(reader: RunReader, signal: AbortSignal | undefined, isOver: AbortSignal): void {
    const session = this.#session;
    const { clock, onAbort } = session.context;
    const onWithdrawn = () => {
      session.dispatch({ type: 'taken-back', runId: reader.runId });
      reader.end();
    };
    const onDecided = () => {
      reader.end();
      if (onAbort === 'cancel') this.#cancel(reader.runId);
      else session.dispatch({ type: 'let-go', runId: reader.runId, kind: 'detached' });
    };
    const onAborted = () => {
      this.decide();
      const { runId } = reader;
      session.dispatch({ type: 'let-go', runId, kind: 'undecided' });
      session.dispatch({ type: 'stream-closed', runId, endedAt: undefined });
      this.#newest = { runId, ...awaitDecision(clock, { onWithdrawn, onDecided }) };
    };
    signal?.addEventListener('abort', onAborted, { signal: isOver });
  }

  /** The newest abort was a stop. */
  decide(): void {
    this.#newest?.decide();
  }

  /**
   * The newest abort was no stop, because the chat resumes. A resume of a run that was chosen here (`runId`) may follow a
   * stop of another one in the same task. Of its own run, the AI SDK has aborted an earlier resume: a run that was
   * stopped is not chosen.
   */
  withdraw(runId: string | undefined): void {
    if (!runId || runId === this.#newest?.runId) this.#newest?.withdraw();
  }

  /**
   * A send has begun that may have been stopped before: then the cancel is sent again, because the first one may have come too early. Where the
   * server has joined it to another run, that may be the one of a later send of this chat, which took its message along: the user waits for that
   * answer. Or the run is not known to be this device's: another user waits.
   */
  confirm(sentRunId: string, reader: RunReader): boolean {
    const { context, ledger } = this.#session;
    const { runId } = reader;
    const { newest } = ledger.server;
    const run = ledger.letGo.find((each) => each.runId === sentRunId);
    const isFirst = ledger.sent === sentRunId && newest?.runId === runId && newest.from === context.clientId;
    const isOwn = runId === sentRunId || isFirst;
    if (isOwn && (run?.kind === 'cancelling' || run?.kind === 'cancelled')) this.#cancel(runId);
    return run !== undefined && run.kind !== 'undecided';
  }

  #cancel(runId: string): void {
    const session = this.#session;
    session.dispatch({ type: 'let-go', runId, kind: 'cancelling' });
    session.commands
      .cancel(runId)
      .then(
        () => session.dispatch({ type: 'let-go', runId, kind: 'cancelled' }),
        (error) => session.dispatch({ type: 'stop-refused', runId, error: asDisconnect(error) }),
      )
      // Behind what was shown here, the run may have written more before the cancel met it.
      .then(() => session.refresh());
  }
}
