import type { UIMessage } from 'ai';
import { isAccessRefusal } from '../provider/refusal.ts';
import type { Frame } from '../wire/frame.ts';
import { type ChatLine, type LineMember, lineOf } from './chat-line.ts';
import type { ChatSnapshot, ChatUpdate } from './chat-update.ts';
import { each } from './each.ts';
import type { Answer, CallOptions } from './http-client.ts';
import { type ChatLedger, emptyLedger, type LedgerEvent, needsOf, reduce } from './ledger/chat-ledger.ts';
import { informedTurn, isUnannounced } from './ledger/server-side.ts';
import { shownTurn } from './ledger/shown.ts';
import type { Plan } from './path-plan.ts';
import { asDisconnect, asOwnError, isTransient, noAnswer, persist } from './persist.ts';
import { connectionOf, ReportStore } from './report-store.ts';
import { RunCommands } from './run-commands.ts';
import { RunReader, type RunReaderOptions } from './run-reader.ts';
import { RunStops } from './run-stops.ts';
import { createSendGate, type SendGate } from './send-gate.ts';
import type { SessionContext } from './session-context.ts';
import { newMessages } from './stale-send.ts';

/**
 * One chat on one transport: its ledger, and the runs that are read. Every event goes through `dispatch`, and after
 * each one the session does what the ledger requires. What reaches the server and the realtime service is its line,
 * which it shares with the page's other transports.
 */
export class ChatSession<UI_MESSAGE extends UIMessage = UIMessage> implements LineMember {
  readonly chatId: string;
  readonly context: SessionContext<UI_MESSAGE>;
  readonly transport: SessionContext<UI_MESSAGE>;
  /** Holds back sends that continue an answer without end. */
  readonly gate: SendGate;
  readonly commands: RunCommands;
  /** What became of the runs that this device stopped. */
  readonly stops: RunStops = new RunStops(this);
  /** What the app shows beside the messages. */
  readonly report: ReportStore = new ReportStore();
  readonly #readers = new Set<RunReader>();
  readonly #watchers = new Set<(update: ChatUpdate<UI_MESSAGE>) => void>();
  #line: ChatLine;
  #ledger = emptyLedger;
  #call: CallOptions | undefined;

  constructor(chatId: string, transport: SessionContext<UI_MESSAGE>) {
    this.chatId = chatId;
    this.transport = transport;
    this.#line = lineOf(chatId, transport);
    this.context = {
      ...transport,
      // Times of one line are compared with each other.
      now: () => this.#line.context.now(),
      failed: (error) => {
        transport.failed(error);
        this.#line.onFailure(error);
      },
    };
    this.commands = new RunCommands(this, this.context);
    this.gate = createSendGate(this.context);
  }

  get ledger(): ChatLedger {
    return this.#ledger;
  }

  /** The runs that are read on this device, oldest first. */
  get readers(): readonly RunReader[] {
    return [...this.#readers];
  }

  /** Whether somebody watches the chat, or waits for a command's receipt. */
  get isWatched(): boolean {
    return this.#watchers.size > 0 || this.commands.isBusy;
  }

  /** Plans again in the next task. */
  look(): void {
    this.#line.look();
  }

  /** The realtime service that delivers the chat now. */
  get liveSubscriber(): ChatLine['liveSubscriber'] {
    return this.#line.liveSubscriber;
  }

  /** Whether nobody uses the session, and nothing in it is this device's alone. */
  get isUnused(): boolean {
    const { outbox } = this.#ledger;
    return !this.#line.connects(this) && this.report.isUnused && outbox.length === 0 && !this.commands.isBusy;
  }

  /** What the newest call added to the transport's options: the requests that follow from it carry it, too. */
  get call(): CallOptions | undefined {
    return this.#call;
  }

  /** The one way to change the ledger. */
  dispatch(event: LedgerEvent): void {
    const before = this.#ledger;
    const { ledger, updates } = reduce(before, event);
    this.#ledger = ledger;
    for (const update of updates) each(this.#watchers, (watcher) => watcher(update as ChatUpdate<UI_MESSAGE>));
    if (event.type === 'state-read') this.#begin(event.state);
    if (ledger.shown !== before.shown) this.#leaveBehind(shownTurn(ledger.shown));
    if (ledger.access !== before.access) this.#onAccess();
    if (needsOf(this.#ledger).read) void this.#readState();
    this.report.update(this.report.getSnapshot(), this.#ledger, isOtherReport(before, this.#ledger));
    this.evaluate();
  }

  /** Somebody uses the chat with these options: it is connected if need be. Never waits. */
  use(call?: CallOptions): void {
    if (call) this.#call = { headers: call.headers, body: call.body, metadata: call.metadata };
    if (this.context.closing.aborted) return;
    if (!this.#line.has(this)) {
      this.#line = lineOf(this.chatId, this.transport);
      this.#line.join(this);
    }
    this.#line.use();
  }

  /** A stream for a run; what is already here of the run is in it. */
  open(runId: string, options: Pick<RunReaderOptions, 'own' | 'turn' | 'replay' | 'isFed' | 'errorBehind'>): RunReader {
    const reader = new RunReader({
      ...options,
      runId,
      openedAt: this.context.now(),
      onClose: (closed, endedAt) => {
        this.#readers.delete(closed);
        this.dispatch({ type: 'stream-closed', runId: closed.runId, endedAt });
      },
      onRoom: () => this.#line.catchUp(),
    });
    this.#readers.add(reader);
    this.use();
    // Somebody wants an answer now: what waits after failures tries at once.
    this.#line.hurry();
    this.#feed(reader);
    this.evaluate();
    return reader;
  }

  /** A stream for a run that can be streamed from its beginning without a request. */
  openKnown(runId: string | undefined, options: Pick<RunReaderOptions, 'errorBehind'>): RunReader | undefined {
    const turn = this.#line.recent.turnOf(runId);
    return turn === undefined ? undefined : this.open(runId as string, { ...options, turn });
  }

  /** Informs `watcher` of the chat's state and then of each turn, until the returned function is called. */
  watch(watcher: (update: ChatUpdate<UI_MESSAGE>) => void): () => void {
    this.#watchers.add(watcher);
    this.use();
    this.dispatch({ type: 'watched' });
    return () => {
      if (!this.#watchers.delete(watcher)) return;
      if (this.#watchers.size === 0) this.dispatch({ type: 'unwatched' });
      this.look();
    };
  }

  /** Requests one of the chat's own routes until there is a response; without a path, its state. */
  ask<T = ChatSnapshot<UI_MESSAGE>>(path = '', body?: object): Promise<T> {
    const { closing } = this.context;
    // State is read with the newest transport's credentials; what a user does is done with their own transport's.
    const { http } = body ? this.context : this.#line.context;
    return persist(
      this.context,
      closing,
      async (attempt) => {
        const response = await http.post(`/${this.chatId}${path}`, body, attempt.signal, this.#call);
        this.#line.reached();
        const content = await response.json();
        attempt.abort();
        return content as T;
      },
      isTransient,
    );
  }

  /** Reads the state for the watchers, until it is read. */
  refresh(): void {
    this.dispatch({ type: 'read-needed' });
  }

  /** Waits before something that failed is tried again. */
  pause(): Promise<void> {
    return this.#line.pause();
  }

  /** The server has answered. */
  reached(): void {
    this.#line.reached();
  }

  /** A run that this device sent has begun, by the response to its POST or by realtime. */
  began(reader: RunReader, turn: number, runId: string = reader.runId): void {
    const sentRunId = reader.runId;
    reader.begin(turn, runId);
    const messageIds = newMessages(reader.own?.messages ?? []).map(({ id }) => id);
    const isContinued = reader.continued !== undefined;
    this.#line.reached();
    this.dispatch({ type: 'began', sentRunId, runId, turn, messageIds, isContinued });
    // The server may have joined the send to a run that this device already knows from realtime.
    this.#feed(reader);
  }

  /** Reads a response as the run's own path, until it is over. */
  async readAnswer(reader: RunReader, answer: Answer, controller: AbortController): Promise<void> {
    reader.setFed(true);
    this.evaluate();
    await this.#line.read(this, reader, answer, controller);
  }

  /** The chat's newest run, also when it has ended: a fast run may be over before its tool call is claimed. */
  async newestRun(): Promise<string | undefined> {
    const { server } = this.#ledger;
    // A device that does not watch the chat has not heard of what others began since.
    const known = this.readers.at(-1) ?? (informedTurn(server) === undefined ? undefined : server.active);
    if (known) return known.runId;
    const { active, runs } = await this.ask();
    return (active ?? runs?.at(-1))?.runId;
  }

  /** Something says that the network, or access, may be back: whatever waits tries now. */
  wake(): void {
    if (!this.#line.connects(this) && this.#ledger.access.kind === 'granted') return;
    this.dispatch({ type: 'access-granted' });
    this.use();
    this.#line.wake(this);
    const { server } = this.#ledger;
    if (informedTurn(server) === undefined || server.reading.kind === 'failed') this.refresh();
    this.evaluate();
  }

  /** The browser says that the network is away. The first success says that it is back. */
  networkLost(): void {
    if (this.#line.connects(this)) this.#line.networkLost();
  }

  /** Ends everything: streams fail, the subscription goes. Idempotent. */
  close(): void {
    this.#watchers.clear();
    this.dispatch({ type: 'unwatched' });
    for (const reader of this.readers) reader.end(this.context.closing.reason);
    this.leave();
  }

  /** Lets go of what it shares with other transports. Its next use takes it up again. */
  leave(): void {
    this.#line.leave(this);
    this.show({ state: 'idle', path: null });
  }

  /** Plans again, and does what the plan says. */
  evaluate(): void {
    this.#line.evaluate();
  }

  show(plan: Pick<Plan, 'state' | 'path'>): void {
    const { report } = this;
    const retry = () =>
      this.dispatch({ type: this.#ledger.access.kind === 'refused' ? 'access-granted' : 'read-needed' });
    report.update(connectionOf(report.getSnapshot(), plan, this.#ledger, retry), this.#ledger);
  }

  /** A state names the runs of sends whose responses have not come. */
  #begin({ active, runs = [] }: ChatSnapshot): void {
    for (const { runId, turn } of active ? [...runs, active] : runs) {
      const reader = this.readers.find((each) => each.own && each.runId === runId && !each.hasBegun);
      if (reader) this.began(reader, turn);
    }
  }

  /** Answers of turns in front of the one that is shown are shown, or cut: what their streams would still bring is older. */
  #leaveBehind(turn = 0): void {
    for (const reader of this.readers) if (reader.hasBegun && reader.turn < turn) reader.end();
  }

  /** What is already here of the run goes into its stream. */
  #feed(reader: RunReader): void {
    for (const frame of this.#line.recent.framesOf(reader.runId)) reader.accept(frame, false, this.context.now());
  }

  giveUp(runId: string): void {
    const readers = this.readers.filter((reader) => reader.runId === runId && reader.needsPath);
    if (readers.length === 0) return;
    for (const reader of readers) reader.end(asDisconnect(noAnswer()));
    // The resume that the AI SDK may try is for this run, also when it has ended by then.
    this.dispatch({ type: 'let-go', runId, kind: 'gave-up' });
  }

  async #readState(): Promise<void> {
    this.dispatch({ type: 'read-requested' });
    const wasInformed = informedTurn(this.#ledger.server) !== undefined;
    try {
      const state = await this.ask();
      this.dispatch({ type: 'state-read', state, isAsked: true });
      // Realtime may be live since after this state: what was published in between comes from the log.
      if (!wasInformed && this.liveSubscriber) this.#line.readAndTrust();
    } catch (error) {
      const { aborted: isClosed } = this.context.closing;
      const isRefused = isAccessRefusal(error);
      if (isRefused) this.dispatch({ type: 'access-refused', error });
      const isFinal = isClosed || !isTransient(error);
      if (!isFinal) await this.pause();
      this.dispatch({ type: 'read-failed', isFinal, error: isClosed || isRefused ? undefined : asOwnError(error) });
    }
  }

  /** Takes a frame from any path. True when it was news. */
  accept(frame: Frame, replayed = false): boolean {
    const { turn } = this.#ledger.server;
    if ('start' in frame) {
      // Another page of this browser counts as another device, and so does this page after a reload.
      const own = this.readers.find((reader) => reader.runId === frame.run && reader.own);
      if (own) this.began(own, frame.turn);
      this.dispatch({ type: 'start-heard', frame });
      return frame.turn > turn;
    }
    let isNews = false;
    for (const reader of this.readers) {
      if (reader.runId !== frame.run) continue;
      // Its start was lost, and so was the response to its POST.
      if (!reader.hasBegun) this.began(reader, frame.turn);
      isNews = reader.accept(frame, replayed, this.context.now()) || isNews;
    }
    const first = 'chunks' in frame && frame.at === 0 ? frame.chunks[0] : undefined;
    if (first?.type === 'start' && first.messageId)
      this.dispatch({ type: 'message-named', runId: frame.run, messageId: first.messageId });
    if ('end' in frame) {
      const { run: runId, turn, at, end } = frame;
      this.dispatch({ type: 'end-heard', runId, turn, at, reason: end.reason });
    }
    if (isUnannounced(this.#ledger.server, { runId: frame.run, turn: frame.turn })) this.refresh();
    return isNews;
  }

  #onAccess(): void {
    const { access } = this.#ledger;
    if (access.kind === 'granted') {
      this.#line.granted();
      return this.use();
    }
    // A send that is under way has a response of its own.
    for (const reader of this.readers) if (!reader.own || reader.hasBegun) reader.end(access.error);
    this.#line.refused(access.error);
  }
}

/** Whether something changed that a synchronized chat looks at, and that the report does not show. */
function isOtherReport(one: ChatLedger, other: ChatLedger): boolean {
  return (
    one.letGo !== other.letGo || one.unreported !== other.unreported || one.shown.place.kind !== other.shown.place.kind
  );
}
