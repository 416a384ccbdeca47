import type { AbstractChat, UIMessage } from 'ai';
import { sleep } from '../clock.ts';
import type { StartFrame } from '../wire/frame.ts';
import type { ChatReport } from './chat-report.ts';
import type { ChatSession } from './chat-session.ts';
import { isBusy, observeIdle, showError } from './chat-status.ts';
import type { ChatSnapshot, ChatUpdate } from './chat-update.ts';
import { nextStep } from './ledger/chat-ledger.ts';
import { shownTurn, wholeTurn } from './ledger/shown.ts';
import { withOwnAnswers } from './own-answers.ts';
import type { RealtimeChatTransport } from './realtime-chat-transport.ts';
import { ResumeOf } from './resume-run.ts';
import { giveToolsToOwner } from './tool-owner.ts';

/** How long `stop` waits for the run's end before it lets go, in milliseconds. */
export const stopWaitMs = 2000;

/** What `syncChat` returns. Calling it ends the synchronization; the chat and its runs go on. */
export interface SyncedChat {
  (): void;
  /** How the chat is connected, what this device could not send, and how the answers ended. */
  getReport(): ChatReport;
  /** Calls `onChange` whenever the report has changed, until the returned function is called. */
  subscribe(onChange: () => void): () => void;
  /** Sends a refused message, edit, regenerate or tool answer again, by the `messageId` in the report. */
  resend(messageId: string): Promise<void>;
  /** Gives up a refused send: a message of this device disappears, an edited one shows its old text again. */
  discard(messageId: string): void;
  /**
   * Ends the answer on every device. Waits for the run's end, at most `stopWaitMs`, so that this device shows what all others show.
   * @throws ChatTransportError when the server refuses: the answer goes on.
   */
  stop(): Promise<void>;
}

/**
 * Keeps an AI SDK `Chat` (React, Vue, Svelte, Angular) synchronized with the chat's other devices: their user messages appear, their runs stream
 * live and can be stopped here. Only the device that sent a run runs `onToolCall` and `sendAutomaticallyWhen`; `claimToolCall` takes them over,
 * and so does an answer that is given on this device (`addToolOutput`, `addToolApprovalResponse`).
 * The chat must have been made with `transport`.
 *
 * Whenever the chat is idle, what it shows is compared with what the log is known to have: the next turn is applied and streamed where only
 * that is missing, and the chat's state is taken over in every other case.
 */
export function syncChat<UI_MESSAGE extends UIMessage>(
  chat: AbstractChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
): SyncedChat {
  const session = transport.session(chat.id);
  const observer = new ChatObserver(chat, session);
  const giveBack = giveToolsToOwner(chat, transport);
  const unwatch = transport.watch(chat.id, (update) => observer.onUpdate(update));
  const unsubscribe = session.subscribe(() => observer.look());
  const unobserve = observeIdle(chat, () => observer.look());
  const end = () => {
    if (!observer.end()) return;
    unobserve();
    unsubscribe();
    unwatch();
    giveBack();
  };
  return Object.assign(end, {
    getReport: () => session.getReport(),
    subscribe: session.subscribe,
    resend: (messageId: string) => observer.resend(messageId),
    discard: (messageId: string) => observer.discard(messageId),
    stop: () => observer.stop(),
  });
}

/** Brings one chat, step by step, to what its session knows. */
class ChatObserver<UI_MESSAGE extends UIMessage> {
  readonly #chat: AbstractChat<UI_MESSAGE>;
  readonly #session: ChatSession<UI_MESSAGE>;
  readonly #ended = new AbortController();
  #activity: 'idle' | 'planned' | 'stepping' | 'stepping-again' = 'idle';
  /** The newest error that came when the chat's call was over. */
  #reported: unknown;
  #placeholder: string | undefined;
  #resumed: string | undefined;

  constructor(chat: AbstractChat<UI_MESSAGE>, session: ChatSession<UI_MESSAGE>) {
    this.#chat = chat;
    this.#session = session;
    session.dispatch({ type: 'synchronized', messageIds: chat.messages.map(({ id }) => id) });
  }

  /** False when it had ended before. */
  end(): boolean {
    const { aborted } = this.#ended.signal;
    this.#ended.abort();
    return !aborted;
  }

  onUpdate(update: ChatUpdate<UI_MESSAGE>): void {
    if (update.type === 'state') this.#takeOver(update.state);
    this.look();
  }

  /** Looks in the next task whether there is something to do: the chat, or the session, may be in the middle of its work. */
  look(): void {
    if (this.#activity === 'stepping') this.#activity = 'stepping-again';
    if (this.#activity !== 'idle') return;
    this.#activity = 'planned';
    this.#session.context.clock.setTimeout(() => void this.#catchUp(), 0);
  }

  async resend(messageId: string): Promise<void> {
    const chat = this.#chat;
    const send = this.#session.ledger.outbox.find((each) => each.messageId === messageId && each.state === 'refused');
    if (!send) return;
    const message = send.message as UI_MESSAGE | undefined;
    if (send.kind === 'regenerate') return chat.regenerate({ messageId });
    if (send.kind === 'edit' && message) return chat.sendMessage({ ...message, messageId } as never);
    if (send.kind === 'answer') return chat.lastMessage?.id === messageId ? chat.sendMessage() : undefined;
    chat.messages = chat.messages.filter(({ id }) => id !== messageId);
    return chat.sendMessage(message as never);
  }

  discard(messageId: string): void {
    const send = this.#session.ledger.outbox.find((each) => each.messageId === messageId && each.state === 'refused');
    if (!send) return;
    // An answer is taken back with the whole message: the state brings the server's again.
    if (send.kind === 'message' || send.kind === 'answer')
      this.#chat.messages = this.#chat.messages.filter(({ id }) => id !== messageId);
    if (this.#chat.error === send.error) this.#chat.clearError();
    this.#session.dispatch({ type: 'discarded', messageId });
  }

  async stop(): Promise<void> {
    const chat = this.#chat;
    const run = this.#session.readers.at(-1);
    // The state shows a run's words a moment before its stream opens: the AI SDK has nothing to stop then.
    const runId = run?.runId ?? this.#session.ledger.server.active?.runId;
    if (!isBusy(chat) && !runId) return chat.stop();
    const { clock, closing } = this.#session.context;
    const waits = new AbortController();
    closing.addEventListener('abort', () => waits.abort(), { signal: waits.signal });
    const unobserve = observeIdle(chat, () => waits.abort());
    try {
      const cancelled = this.#session.commands.cancel(runId);
      // The next run of the chat may follow at once: it is not what is stopped here.
      void run?.closed.then(() => sleep(clock, 0, closing)).then(() => waits.abort());
      await Promise.race([
        cancelled.then(() => sleep(clock, stopWaitMs, waits.signal)),
        sleep(clock, stopWaitMs, closing),
      ]);
    } finally {
      unobserve();
      waits.abort();
    }
    const isNext = this.#session.readers.some((other) => other !== run);
    if (!isNext) await chat.stop();
  }

  async #catchUp(): Promise<void> {
    do {
      this.#activity = 'stepping';
      while (!this.#ended.signal.aborted && (await this.#step()));
    } while ((this.#activity as string) === 'stepping-again' && !this.#ended.signal.aborted);
    this.#activity = 'idle';
  }

  /** One step from what is shown to what the log has. False: there is none to take now. */
  async #step(): Promise<boolean> {
    const chat = this.#chat;
    const session = this.#session;
    // What ends the chat's request leads here again.
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

  #isUnsent({ id, role }: UI_MESSAGE): boolean {
    return role === 'user' && !this.#session.ledger.shown.seen.has(id);
  }

  #taken(place: ChatPlace, isIdle: boolean, messageIds: readonly string[]): void {
    this.#session.dispatch({ type: 'messages-taken', place, isIdle, messageIds });
  }

  /** Shows a conversation, with what only this device has behind it. */
  #show(messages: readonly UI_MESSAGE[], answerId: string | undefined): void {
    const chat = this.#chat;
    const unsent = chat.messages.filter((own) => this.#isUnsent(own) && !messages.some(({ id }) => id === own.id));
    const { answered } = this.#session.ledger;
    const ownCopy = (id: string) => (answered.includes(id) ? chat.messages.find((each) => each.id === id) : undefined);
    const next = messages.map((message) => withOwnAnswers(message, ownCopy(message.id)));
    this.#placeholder = undefined;
    // The answer's place is in front of what only this device has.
    if (answerId && unsent.length > 0 && !next.some(({ id }) => id === answerId)) {
      this.#placeholder = answerId;
      next.push({ id: answerId, role: 'assistant', parts: [] } as unknown as UI_MESSAGE);
    }
    chat.messages = [...next, ...unsent];
  }

  /** Takes over a state, where that takes nothing away from a request that is under way. */
  #takeOver({ turn, active, deleted, messages = deleted && [] }: ChatSnapshot<UI_MESSAGE>): void {
    const chat = this.#chat;
    const wasBusy = isBusy(chat);
    this.#taken({ kind: 'uncertain' }, !wasBusy, []);
    const sending = this.#session.readers.find(({ own, hasBegun }) => own && !hasBegun)?.own;
    // What a regenerate or an edit has cut away is in a state that does not know of it yet.
    const isCut = sending?.messageId && sending.messages.at(-1)?.role === 'user';
    if (sending && (sending.trigger === 'regenerate-message' || isCut)) return;
    // The stream goes on in its own message, which may be an earlier one; all others are the state's.
    const isStreaming = chat.status === 'streaming';
    const keptId = sending && !isStreaming ? sending.messageId : active?.messageId;
    const kept = chat.messages.find(({ id, role }) => role === 'assistant' && id === keptId);
    const { stream } = this.#session.ledger.shown;
    const isShowing = stream.kind !== 'none' && stream.turn === turn;
    if (wasBusy && !sending && !isShowing) return;
    if (kept && messages?.every(({ id }) => id !== kept.id) && wasBusy) return;
    // A stream that is only awaited has nothing that the state lacks.
    const keeps = isStreaming || (sending && wasBusy);
    if (messages)
      this.#show(keeps ? messages.map((each) => (each.id === kept?.id ? kept : each)) : messages, active?.messageId);
    const isWhole = !active && !isStreaming;
    // A send goes on with this device's own copy of the answer, which may lack what the state has.
    const isOwnCopy = keeps && !isStreaming && messages?.some(({ id }) => id === kept?.id);
    const place = isOwnCopy
      ? ({ kind: 'uncertain' } as const)
      : ({ kind: isWhole ? 'whole' : 'question', turn } as const);
    this.#taken(place, !wasBusy, messages?.map(({ id }) => id) ?? []);
    // A stream that had no path for long has failed as a disconnect: what it missed is shown now.
    if (chat.error instanceof TypeError && !this.#isOwnRefusal(chat.error)) chat.clearError();
  }

  /** Shows the question of the next turn. False where it does not fit behind what is shown. */
  #apply({ turn, start: { before, tail, messageId } }: StartFrame): boolean {
    const { messages } = this.#chat;
    const at = messages.findIndex(({ id }) => id === before);
    if (!tail || (before !== null && at < 0)) return false;
    const added = tail as readonly UI_MESSAGE[];
    this.#show([...messages.slice(0, at + 1), ...added], messageId);
    this.#taken(
      { kind: 'question', turn },
      true,
      added.map(({ id }) => id),
    );
    return true;
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
    const before = this.#session.ledger.outbox;
    // What the app's callbacks throw is reported nowhere else.
    await chat.resumeStream({ metadata: new ResumeOf(runId) }).catch((failure) => globalThis.reportError?.(failure));
    // A send of this device that was refused keeps its error, whatever was streamed meanwhile.
    const refused = this.#session.ledger.outbox.findLast(
      (send) => send.state === 'refused' && (send.error === error || !before.includes(send)),
    );
    const kept = refused?.error ?? (error === this.#reported ? error : undefined);
    if (kept && chat.status === 'ready') showError(chat, kept);
  }

  #isOwnRefusal(error: unknown): boolean {
    return this.#session.ledger.outbox.some((send) => send.state === 'refused' && send.error === error);
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

type ChatPlace = Parameters<typeof wholeTurn>[0]['place'];
