import type { UIMessage } from 'ai';
import { ChatTransportError } from '../errors.ts';
import { type Frame, wireVersion } from '../wire/frame.ts';
import { decodeFrame, UnknownFrame } from '../wire/frame-codec.ts';
import type { ChatSnapshot, ChatUpdate } from './chat-update.ts';
import { each } from './each.ts';
import type { Answer, CallOptions } from './http-client.ts';
import { HttpPath, isRefusal } from './http-path.ts';
import { type ChatLedger, emptyLedger, type LedgerEvent, needsOf, reduce } from './ledger/chat-ledger.ts';
import { informedTurn, isUnannounced } from './ledger/server-side.ts';
import { type Health, type Need, plan } from './path-plan.ts';
import { asDisconnect, isTransient, noAnswer, persist } from './persist.ts';
import { RealtimeLink, type RealtimeState } from './realtime-link.ts';
import { RecentRun } from './recent-run.ts';
import { connectionOf, ReportStore } from './report-store.ts';
import { RunCommands } from './run-commands.ts';
import { RunReader, type RunReaderOptions } from './run-reader.ts';
import { RunStops } from './run-stops.ts';
import { createSendGate, type SendGate } from './send-gate.ts';
import type { SessionContext } from './session-context.ts';
import { newMessages } from './stale-send.ts';

/**
 * One chat on this page: its ledger, its paths, and the runs that are read. Every event goes through `dispatch`, and after each one the session
 * does what the ledger and the path plan require. A new path is live before the old one is dropped.
 */
export class ChatSession<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly chatId: string;
  readonly context: SessionContext<UI_MESSAGE>;
  /** Holds back sends that continue an answer without end. */
  readonly gate: SendGate;
  readonly commands: RunCommands;
  /** What became of the runs that this device stopped. */
  readonly stops: RunStops = new RunStops(this);
  /** What the app shows beside the messages. */
  readonly report: ReportStore = new ReportStore();
  readonly #http: HttpPath;
  readonly #link: RealtimeLink;
  readonly #readers = new Set<RunReader>();
  readonly #watchers = new Set<(update: ChatUpdate<UI_MESSAGE>) => void>();
  readonly #recent = new RecentRun();
  #ledger = emptyLedger;
  #network: Health['network'] = 'up';
  /** When somebody used the chat last, in page time; nothing while it is disconnected. */
  #usedAt: number | undefined;
  #call: CallOptions | undefined;
  #timer: unknown;
  #hasReportedUnknown = false;

  constructor(chatId: string, context: SessionContext<UI_MESSAGE>) {
    this.chatId = chatId;
    this.context = {
      ...context,
      failed: (error) => {
        context.failed(error);
        this.#onFailure(error);
      },
    };
    this.commands = new RunCommands(this, this.context);
    this.gate = createSendGate(this.context);
    this.#http = new HttpPath(chatId, this.context, () => this.#want(), {
      onFrame: (frame, replayed) => this.#onHttpFrame(frame, replayed),
      onMalformed: (error) => this.#malformed(error),
      onAnswer: () => this.#setNetwork('up'),
      onUnreachable: () => this.#setNetwork('down'),
      onRefused: (error) => this.dispatch({ type: 'access-refused', error }),
      onChange: () => this.evaluate(),
    });
    this.#link = new RealtimeLink(chatId, this.context, {
      onMessage: (data) => this.#onMessage(data),
      onState: (state) => this.#onRealtime(state),
    });
  }

  get ledger(): ChatLedger {
    return this.#ledger;
  }

  /** The runs that are read on this device, oldest first. */
  get readers(): readonly RunReader[] {
    return [...this.#readers];
  }

  /** Whether realtime is live. */
  get isLive(): boolean {
    return this.#link.isLive;
  }

  /** Whether nobody uses the session, and nothing in it is this device's alone. */
  get isUnused(): boolean {
    const { outbox } = this.#ledger;
    return this.#usedAt === undefined && this.report.isUnused && outbox.length === 0 && !this.commands.isBusy;
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
    if (ledger.access !== before.access) this.#onAccess();
    if (needsOf(this.#ledger).read) void this.#readState();
    this.report.update(this.report.getSnapshot(), this.#ledger, isOtherReport(before, this.#ledger));
    this.evaluate();
  }

  /** Somebody uses the chat with these options: it is connected if need be. Never waits. */
  use(call?: CallOptions): void {
    const { closing, now } = this.context;
    if (call) this.#call = { headers: call.headers, body: call.body, metadata: call.metadata };
    if (closing.aborted) return;
    this.#usedAt = now();
    this.#link.open();
    this.#schedule(0);
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
      onRoom: () => void this.#http.catchUp(),
    });
    this.#readers.add(reader);
    this.use();
    // Somebody wants an answer now: what waits after failures tries at once.
    this.#http.wake();
    this.#feed(reader);
    this.evaluate();
    return reader;
  }

  /** A stream for a run that can be streamed from its beginning without a request. */
  openKnown(runId: string | undefined, options: Pick<RunReaderOptions, 'errorBehind'>): RunReader | undefined {
    const turn = this.#recent.turnOf(runId);
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
      this.#schedule(0);
    };
  }

  /** Requests one of the chat's own routes until there is a response; without a path, its state. */
  ask<T = ChatSnapshot<UI_MESSAGE>>(path = '', body?: object): Promise<T> {
    const { http, closing } = this.context;
    return persist(
      this.context,
      closing,
      async (attempt) => {
        const response = await http.post(`/${this.chatId}${path}`, body, attempt.signal, this.#call);
        this.#setNetwork('up');
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
    return this.#http.pause();
  }

  /** A run that this device sent has begun, by the response to its POST or by realtime. */
  began(reader: RunReader, turn: number, runId: string = reader.runId): void {
    const sentRunId = reader.runId;
    reader.begin(turn, runId);
    const own = reader.own?.messages ?? [];
    const messageIds = newMessages(own).map(({ id }) => id);
    const isContinued = own.at(-1)?.role === 'assistant';
    this.#setNetwork('up');
    this.dispatch({ type: 'began', sentRunId, runId, turn, messageIds, isContinued });
    // The server may have joined the send to a run that this device already knows from realtime.
    this.#feed(reader);
  }

  /** Reads a response as the run's own path, until it is over. */
  async readAnswer(reader: RunReader, answer: Answer, controller: AbortController): Promise<void> {
    reader.setFed(true);
    this.evaluate();
    await this.#http.read(answer, { run: reader, controller }, 0);
    reader.setFed(false);
    this.#http.wake();
    this.evaluate();
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
    if (this.#usedAt === undefined && this.#ledger.access.kind === 'granted') return;
    if (this.#ledger.access.kind === 'refused') this.dispatch({ type: 'access-granted' });
    this.use();
    // Without a reader or a watcher there is no request that would find out.
    if (this.#readers.size + this.#watchers.size === 0) this.#setNetwork('up');
    // A path that looks alive may have died while the device slept.
    this.#http.restart();
    if (informedTurn(this.#ledger.server) === undefined) this.refresh();
    this.evaluate();
  }

  /** The browser says that the network is away. The first success says that it is back. */
  networkLost(): void {
    if (this.#usedAt === undefined) return;
    this.#setNetwork('down');
    void this.#http.catchUp();
  }

  /** Ends everything: streams fail, the subscription goes. Idempotent. */
  close(): void {
    this.#watchers.clear();
    this.dispatch({ type: 'unwatched' });
    for (const reader of this.readers) reader.end(this.context.closing.reason);
    this.#disconnect();
    this.evaluate();
  }

  /** Plans again, and does what the plan says. */
  evaluate(): void {
    const { now, timings } = this.context;
    const at = now();
    const next = plan(this.#need(), this.#health(), at, timings);
    for (const reader of this.readers) reader.noteStuck(next.stuck.includes(reader.runId), at);
    for (const runId of next.givesUp) this.#giveUp(runId);
    if (this.#readers.size + this.#watchers.size > 0 && this.#usedAt !== undefined) this.#usedAt = at;
    if (!next.isSubscribed && this.#usedAt !== undefined) this.#disconnect();
    if (next.follows) void this.#http.follow();
    if (next.reads) void this.#http.catchUp();
    this.#schedule(next.nextDeadline - at);
    const retry = () => this.dispatch({ type: 'access-granted' });
    const { report } = this;
    report.update(connectionOf(report.getSnapshot(), next, this.#ledger, retry), this.#ledger);
  }

  #want(): ReturnType<ConstructorParameters<typeof HttpPath>[2]> {
    const begun = this.readers.filter(({ hasBegun }) => hasBegun);
    const runs = begun.filter(({ isFed }) => !isFed);
    const missed = begun.filter(({ isFed, isMissing }) => !isFed || isMissing);
    const turn = informedTurn(this.#ledger.server);
    const isRefused = this.#ledger.access.kind === 'refused';
    const follows = !this.isLive && !isRefused && (turn !== undefined || runs.length > 0);
    return { runs, missed, turn: isRefused ? undefined : turn, follows, call: this.#call };
  }

  #need(): Need {
    return {
      runs: this.readers.map((reader) => reader.need(this.#link.heardAt)),
      isWatched: this.#watchers.size > 0,
      isInformed: informedTurn(this.#ledger.server) !== undefined,
      usedAt: this.#usedAt,
    };
  }

  #health(): Health {
    return {
      isRefused: this.#ledger.access.kind === 'refused',
      realtime: this.#link.state,
      path: this.#http.path,
      failures: this.#http.failures,
      network: this.#network,
    };
  }

  /** What is already here of the run goes into its stream. */
  #feed(reader: RunReader): void {
    for (const frame of this.#recent.framesOf(reader.runId)) reader.accept(frame, false, this.context.now());
  }

  #giveUp(runId: string): void {
    for (const reader of this.readers) if (reader.runId === runId) reader.end(asDisconnect(noAnswer()));
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
      if (!wasInformed && this.isLive) this.#readAndTrust();
    } catch (error) {
      if (isRefusal(error)) this.dispatch({ type: 'access-refused', error });
      const isFinal = this.context.closing.aborted || !isTransient(error);
      if (!isFinal) await this.pause();
      this.dispatch({ type: 'read-failed', isFinal });
    }
  }

  #onMessage(data: string): void {
    let frame: Frame;
    try {
      frame = decodeFrame(data);
    } catch (error) {
      return this.#malformed(error);
    }
    this.#setNetwork('up');
    this.accept(frame);
  }

  #onHttpFrame(frame: Frame, replayed: boolean): void {
    const quiet = this.readers.find(({ runId }) => runId === frame.run)?.need(this.#link.heardAt);
    const isNews = this.accept(frame, replayed);
    const { now, timings } = this.context;
    // Realtime was silent for long, and there was something to say.
    if (!isNews || !this.isLive || !quiet || quiet.isFed || quiet.isMissing) return;
    if (now() - Math.max(quiet.newsAt, this.#link.heardAt) < Math.min(timings.quietMs, timings.silenceMs)) return;
    this.#link.missed();
  }

  /** Takes a frame from any path. True when it was news. */
  accept(frame: Frame, replayed = false): boolean {
    const { turn } = this.#ledger.server;
    if ('start' in frame) {
      this.#recent.begin(frame);
      // Another page of this browser counts as another device, and so does this page after a reload.
      const own = this.readers.find((reader) => reader.runId === frame.run && reader.own);
      if (own) this.began(own, frame.turn);
      this.dispatch({ type: 'start-heard', frame });
      return frame.turn > turn;
    }
    this.#recent.add(frame);
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
    // The last chunk of a run: devices show the error before the server has saved the run and logged its end.
    if ('chunks' in frame && frame.chunks.at(-1)?.type === 'error')
      this.accept({ v: wireVersion, run: frame.run, turn: frame.turn, at: frame.next, end: { reason: 'error' } });
    if (isUnannounced(this.#ledger.server, { runId: frame.run, turn: frame.turn })) this.refresh();
    return isNews;
  }

  #onRealtime({ kind }: RealtimeState): void {
    if (kind === 'live') {
      this.#setNetwork('up');
      this.#readAndTrust();
    }
    this.evaluate();
  }

  /**
   * Subscribe first, then read: what was published before realtime was live comes from the log, what follows from realtime. The old path is dropped
   * only after that.
   */
  #readAndTrust(): void {
    void this.#http.catchUp(true).then(() => {
      if (this.isLive) this.#http.stop();
    });
  }

  /** The server, or the service, was reached; or a probe got no response. */
  #setNetwork(network: Health['network']): void {
    if (this.#network === network) return;
    this.#network = network;
    this.evaluate();
  }

  /** A request of any kind failed: where nothing answered, a probe finds out whether the network is away. */
  #onFailure(error: unknown): void {
    const isUnanswered = ChatTransportError.isInstance(error) && error.code === 'network';
    if (isUnanswered && this.#network === 'up') void this.#http.catchUp();
    this.evaluate();
  }

  #onAccess(): void {
    const { access } = this.#ledger;
    if (access.kind === 'granted') return this.use();
    this.#http.stop();
    for (const reader of this.readers) reader.end(access.error);
    this.#link.close();
  }

  #malformed(error: unknown): void {
    const isUnknown = error instanceof UnknownFrame;
    // A newer server sends such frames all the time.
    if (isUnknown && this.#hasReportedUnknown) return;
    this.#hasReportedUnknown ||= isUnknown;
    this.context.emit({ type: isUnknown ? 'unknown-frame' : 'malformed-frame', chatId: this.chatId, error });
  }

  #disconnect(): void {
    this.#link.close();
    this.#http.stop();
    this.context.clock.clearTimeout(this.#timer);
    this.#recent.forget();
    this.#timer = this.#usedAt = undefined;
  }

  /** One timer, at the next deadline. Page time has to be looked at while a run is read. */
  #schedule(delayMs: number): void {
    const { clock, timings } = this.context;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#usedAt === undefined) return;
    const longestMs = this.#readers.size > 0 ? timings.sendMs / 2 : timings.lingerMs;
    if (delayMs === Number.POSITIVE_INFINITY && this.#readers.size === 0) return;
    this.#timer = clock.setTimeout(() => this.evaluate(), Math.min(Math.max(delayMs, 0), longestMs));
  }
}

/** Whether something changed that a synchronized chat looks at, and that the report does not show. */
function isOtherReport(one: ChatLedger, other: ChatLedger): boolean {
  return (
    one.letGo !== other.letGo || one.unreported !== other.unreported || one.shown.place.kind !== other.shown.place.kind
  );
}
