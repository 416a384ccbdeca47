import type { UIMessage } from 'ai';
import type { StartFrame } from '../wire/frame.ts';
import type { ChatSession } from './chat-session.ts';
import { isBusy, keepError, showError, updateError } from './chat-status.ts';
import type { ChatUpdate } from './chat-update.ts';
import { keptError } from './kept-error.ts';
import { nextStep } from './ledger/chat-ledger.ts';
import { type Place, shownTurn, wholeTurn } from './ledger/shown.ts';
import { waitsForAnswers } from './own-answers.ts';
import { ResumeOf } from './resume-run.ts';
import { type Conversation, type Seen, takenOver, withUnsent } from './shown-messages.ts';
import type { SyncableChat } from './syncable-chat.ts';

/**
 * Brings what one chat shows, step by step, to what its session knows. Which step is next follows from the ledger (`nextStep`); what a state or a
 * question does to the messages is decided in `shown-messages`.
 */
export class ChatObserver<UI_MESSAGE extends UIMessage> {
  readonly #chat: SyncableChat<UI_MESSAGE>;
  readonly #session: ChatSession<UI_MESSAGE>;
  readonly #ended = new AbortController();
  /** `planned`: looks in the next task. `stepping-again`: something has changed since the step that is under way began. */
  #activity: 'idle' | 'planned' | 'stepping' | 'stepping-again' = 'idle';
  /** The newest error that came when the chat's call was over. */
  #reported: unknown;
  /** The message that keeps the place of an answer of which nothing has come. */
  #placeholder: string | undefined;
  /** The run that was resumed last. */
  #resumed: string | undefined;

  constructor(chat: SyncableChat<UI_MESSAGE>, session: ChatSession<UI_MESSAGE>) {
    this.#chat = chat;
    this.#session = session;
    session.dispatch({ type: 'synchronized', messageIds: chat.messages.map(({ id }) => id) });
  }

  /** Changes nothing in the chat from here on. */
  end(): void {
    this.#ended.abort();
  }

  onUpdate(update: ChatUpdate<UI_MESSAGE>): void {
    if (update.type === 'state') this.#takeOver(update.state);
    this.look();
  }

  /** Looks in the next task whether there is something to do: the chat, or the session, may be in the middle of its work. */
  look(): void {
    if (this.#activity === 'idle') {
      this.#activity = 'planned';
      this.#session.context.clock.setTimeout(() => void this.#catchUp(), 0);
    } else if (this.#activity !== 'planned') {
      this.#activity = 'stepping-again';
      updateError(this.#chat);
    }
  }

  async #catchUp(): Promise<void> {
    do {
      this.#activity = 'stepping';
      while (!this.#ended.signal.aborted && (await this.#step()));
    } while ((this.#activity as string) === 'stepping-again');
    this.#activity = 'idle';
  }

  /** Takes one step from what is shown towards what the log has. Returns false when no step is due. */
  async #step(): Promise<boolean> {
    const chat = this.#chat;
    const session = this.#session;
    // The end of the chat's request leads here again.
    if (isBusy(chat)) return false;
    this.#showUnreported();
    const whole = wholeTurn(session.ledger.shown);
    if (whole !== undefined) {
      this.#clearPlaceholder();
      this.#taken({ kind: 'whole', turn: whole }, true, []);
    }
    const next = nextStep(session.ledger);
    if (next.kind === 'none') return false;
    if (next.kind === 'apply' && this.#apply(next.frame)) return true;
    if (next.kind === 'resume') {
      const turn = shownTurn(session.ledger.shown);
      await this.#resume(next.runId);
      const { shown } = session.ledger;
      // It was not streamed to its end: the state says what has become of it.
      if (!isBusy(chat) && shownTurn(shown) === turn && wholeTurn(shown) === undefined) this.#lose();
      return true;
    }
    this.#lose();
    return false;
  }

  #lose(): void {
    this.#session.dispatch({ type: 'place-lost' });
    this.#session.refresh();
  }

  #taken(place: Place, isIdle: boolean, messageIds: readonly string[]): void {
    this.#session.dispatch({ type: 'messages-taken', place, isIdle, messageIds });
  }

  #show({ messages, placeholder }: Conversation<UI_MESSAGE>): void {
    this.#placeholder = placeholder;
    this.#chat.messages = messages;
  }

  /** What is shown now, and what this device knows of it. */
  get #seen(): Seen<UI_MESSAGE> {
    const { ledger, readers } = this.#session;
    return {
      messages: this.#chat.messages,
      status: this.#chat.status,
      shown: ledger.shown,
      answered: ledger.answered,
      sending: readers.find(({ own, hasBegun }) => own && !hasBegun)?.own,
      continuedId: readers.find(({ own, hasBegun }) => own && hasBegun)?.continued?.id,
    };
  }

  /** Takes over a state, where that takes nothing away from a request that is under way. */
  #takeOver(state: Extract<ChatUpdate<UI_MESSAGE>, { type: 'state' }>['state']): void {
    const chat = this.#chat;
    const isIdle = !isBusy(chat);
    const next = takenOver(this.#seen, state);
    if (!next) return this.#taken({ kind: 'uncertain' }, isIdle, []);
    if (next.conversation) this.#show(next.conversation);
    this.#taken(next.place, isIdle, state.messages?.map(({ id }) => id) ?? []);
    // A stream that had no path for long has failed as a disconnect: what it missed is shown now.
    const { error } = chat;
    const isOfSend = this.#session.ledger.outbox.some((send) => send.error === error);
    if (error instanceof TypeError && !isOfSend) chat.clearError();
  }

  /** Shows the question of the next turn. False where it does not fit behind what is shown. */
  #apply(frame: StartFrame): boolean {
    const { before, tail, messageId } = frame.start;
    const { messages } = this.#chat;
    const at = messages.findIndex(({ id }) => id === before);
    if (!tail || (before !== null && at < 0)) return false;
    const added = withStreamed(tail as readonly UI_MESSAGE[], this.#streamed(frame));
    this.#show(withUnsent(this.#seen, [...messages.slice(0, at + 1), ...added], messageId));
    const continued = (tail as readonly UI_MESSAGE[]).find(({ id }) => id === messageId);
    // A stream would take away an answer that is given here meanwhile.
    if (continued && waitsForAnswers(continued)) this.#session.dispatch({ type: 'answers-shown', frame });
    else {
      const messageIds = added.map(({ id }) => id);
      this.#taken({ kind: 'question', turn: frame.turn }, true, messageIds);
    }
    return true;
  }

  /** The answer of this turn, where the chat streamed it to its end before it had the question. */
  #streamed({ turn, start }: StartFrame): UI_MESSAGE | undefined {
    const { stream } = this.#session.ledger.shown;
    const isWhole = stream.kind === 'ended' && stream.turn === turn;
    return isWhole ? this.#chat.messages.find(({ id }) => id === start.messageId) : undefined;
  }

  /** Where nothing of the answer came, its place goes. */
  #clearPlaceholder(): void {
    const chat = this.#chat;
    const isEmpty = ({ id, parts, metadata }: UI_MESSAGE) =>
      id === this.#placeholder && parts.length === 0 && metadata === undefined;
    if (chat.messages.some(isEmpty)) chat.messages = chat.messages.filter((message) => !isEmpty(message));
    this.#placeholder = undefined;
  }

  async #resume(runId: string): Promise<void> {
    const chat = this.#chat;
    // A run that cannot be streamed is not requested in a hot loop.
    if (this.#resumed === runId) await this.#session.pause();
    this.#resumed = runId;
    if (isBusy(chat)) return;
    const { error } = chat;
    const kept = keptError(() => this.#session.ledger.outbox, error, error !== undefined && error === this.#reported);
    const resume = () => chat.resumeStream({ metadata: new ResumeOf(runId) });
    // Nothing else reports what the app's callbacks throw.
    await keepError(chat, kept, resume).catch((failure) => globalThis.reportError?.(failure));
  }

  /** Errors that came when the chat's call was over: of a message that was stopped on its way, or of a stop that was refused. */
  #showUnreported(): void {
    const error = this.#session.ledger.unreported.at(-1);
    if (!error) return;
    this.#session.dispatch({ type: 'reported' });
    this.#reported = error;
    showError(this.#chat, error);
  }
}

/** The messages that a run begins with, and its answer behind them or in the place of the message that it continues. */
function withStreamed<UI_MESSAGE extends UIMessage>(
  tail: readonly UI_MESSAGE[],
  answer: UI_MESSAGE | undefined,
): readonly UI_MESSAGE[] {
  return answer ? [...tail.filter(({ id }) => id !== answer.id), answer] : tail;
}
