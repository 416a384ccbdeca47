import { ChatTransportError } from '../errors.ts';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import { type Frame, wireVersion } from '../wire/frame.ts';
import { decodeFrame } from '../wire/frame-codec.ts';
import type { TransportEvent } from './chat-update.ts';
import { each } from './each.ts';
import { reportFrames } from './frame-report.ts';
import type { Answer, CallOptions } from './http-client.ts';
import { HttpPath, type HttpWant } from './http-path.ts';
import type { ChatLedger, LedgerEvent } from './ledger/chat-ledger.ts';
import { informedTurn } from './ledger/server-side.ts';
import { type Health, type Need, type Plan, plan } from './path-plan.ts';
import { RealtimeLink, type RealtimeState } from './realtime-link.ts';
import { RecentRun } from './recent-run.ts';
import type { RunReader } from './run-reader.ts';
import type { LineContext, SessionContext } from './session-context.ts';

/** A chat on one transport. */
export interface LineMember {
  /** What the chats of the transport share. */
  readonly transport: SessionContext;
  readonly ledger: ChatLedger;
  /** The runs that are read, oldest first. */
  readonly readers: readonly RunReader[];
  readonly isWatched: boolean;
  /** What the newest call added to the transport's options. */
  readonly call: CallOptions | undefined;
  dispatch(event: LedgerEvent): void;
  /** Takes a frame from any path. True when it was news. */
  accept(frame: Frame, replayed: boolean): boolean;
  /** The run has been without a path for too long. */
  giveUp(runId: string): void;
  /** Shows how the chat is connected. */
  show(plan: Pick<Plan, 'state' | 'path'>): void;
}

/** The lines of each page, by device, server and chat. */
const pages = new WeakMap<object, Map<string, ChatLine>>();

/** The page's line for a chat. Outside pages each transport has its own: a server has transports of many users. */
export function lineOf(chatId: string, transport: SessionContext): ChatLine {
  const page = globalThis.document ?? transport.http;
  const lines = pages.get(page) ?? new Map<string, ChatLine>();
  pages.set(page, lines);
  const key = [transport.clientId, transport.http.api, chatId].join('\n');
  const line = lines.get(key) ?? new ChatLine(chatId, transport, () => lines.delete(key));
  lines.set(key, line);
  return line;
}

/**
 * How one chat of a page is reached: its subscription, the requests that read it, and the plan that says which of them
 * are needed. A new path is live before the old one is dropped.
 *
 * All transports of a page share it that are one device (`clientId`) at one server (`api`), as after hot reload, or
 * where an app makes a transport for a new token. Reads use the newest transport. A subscription stays while it works
 * and its transport is open; after that the newest transport with a realtime service subscribes, whichever service that
 * is.
 */
export class ChatLine {
  readonly context: LineContext;
  readonly #onUnused: () => void;
  readonly #http: HttpPath;
  readonly #link: RealtimeLink;
  readonly #recent = new RecentRun();
  readonly #closing = new AbortController();
  /** The chat on each transport, the newest transport last. */
  #members: readonly LineMember[] = [];
  #network: Health['network'] = 'up';
  /** When somebody used the chat last, in page time; nothing while it is disconnected. */
  #usedAt: number | undefined;
  #timer: unknown;

  /** @param onUnused Called when the last transport has left: the line is not used again. */
  constructor(chatId: string, first: SessionContext, onUnused: () => void) {
    this.#onUnused = onUnused;
    this.context = this.#contextFrom(first);
    const onMalformed = reportFrames(chatId, this.context.emit);
    this.#http = new HttpPath(chatId, this.context, () => this.#want(), {
      onFrame: (frame, replayed) => this.#onHttpFrame(frame, replayed),
      onMalformed,
      onAnswer: () => this.reached(),
      onUnreachable: () => this.#setNetwork('down'),
      onRefused: (error) => this.refused(error),
      onChange: () => this.evaluate(),
    });
    this.#link = new RealtimeLink(chatId, this.context, {
      onMessage: (data) => this.#onMessage(data, onMalformed),
      onState: (state) => this.#onRealtime(state),
    });
  }

  /** The realtime service that delivers the chat now. */
  get liveSubscriber(): RealtimeSubscriber | undefined {
    return this.#link.isLive ? this.#link.subscriber : undefined;
  }

  has(member: LineMember): boolean {
    return this.#members.includes(member);
  }

  /** Whether a transport's chat is connected, because somebody uses it or has done so a moment ago. */
  connects(member: LineMember): boolean {
    return this.#usedAt !== undefined && this.has(member);
  }

  /** Adds a transport's chat. A newer transport may have access that the others lack. */
  join(member: LineMember): void {
    this.#members = [...this.#members, member].sort((one, other) => one.transport.serial - other.transport.serial);
    this.granted();
  }

  /** Takes a transport's chat away. What it has subscribed is subscribed by another transport. */
  leave(member: LineMember): void {
    if (!this.has(member)) return;
    this.#members = this.#members.filter((other) => other !== member);
    if (this.#members.length === 0) {
      this.#disconnect();
      this.#closing.abort();
      return this.#onUnused();
    }
    const { subscriber } = this.#link;
    if (subscriber && this.#members.every(({ transport }) => transport.subscriber !== subscriber)) {
      this.#link.close();
      if (this.#usedAt !== undefined) this.#link.open();
    }
    this.evaluate();
  }

  /** Somebody uses the chat: it is connected if need be. Never waits. */
  use(): void {
    this.#usedAt = this.context.now();
    this.#link.open();
    this.look();
  }

  /** Plans again in the next task. */
  look(): void {
    this.#schedule(0);
  }

  /** What has come of a run that is announced. */
  get recent(): Pick<RecentRun, 'framesOf' | 'turnOf'> {
    return this.#recent;
  }

  /** Reads once what has not come, of runs and of the turns behind them. */
  catchUp(): void {
    void this.#http.catchUp();
  }

  /** Waits before something that failed is tried again. */
  pause(): Promise<void> {
    return this.#http.pause();
  }

  /** What waits after failures tries at once. */
  hurry(): void {
    this.#http.wake();
  }

  /**
   * Reads a response as the run's own path, until it is over. The other transports have paths that announce the run.
   */
  async read(member: LineMember, run: RunReader, answer: Answer, controller: AbortController): Promise<void> {
    const onFrame = (frame: Frame, replayed: boolean) => this.#onHttpFrame(frame, replayed, [member]);
    await this.#http.read(answer, { run, controller, onFrame }, 0);
    run.setFed(false);
    this.hurry();
    this.evaluate();
  }

  /** Something says that the network may be back. All transports of a page notice it: it counts once. */
  wake(member: LineMember): void {
    if (member !== this.#members.at(-1)) return;
    // Without a reader or a watcher there is no request that would find out.
    if (!this.#isRead) this.reached();
    // A path that looks alive may have died while the device slept.
    this.#http.restart();
  }

  /** The browser says that the network is away. The first success says that it is back. */
  networkLost(): void {
    this.#setNetwork('down');
    this.catchUp();
  }

  /** The server, or the service, was reached. */
  reached(): void {
    this.#setNetwork('up');
  }

  /** A request of any kind failed: where nothing answered, a probe finds out whether the network is away. */
  onFailure(error: unknown): void {
    const isUnanswered = ChatTransportError.isInstance(error) && error.code === 'network';
    if (isUnanswered && this.#network === 'up') this.catchUp();
    this.evaluate();
  }

  /**
   * The server does not let this device read the chat: that counts for every transport, since reads are made for all of
   * them.
   */
  refused(error: ChatTransportError): void {
    this.#http.stop();
    this.#link.close();
    for (const member of this.#members)
      if (member.ledger.access.kind === 'granted') member.dispatch({ type: 'access-refused', error });
  }

  /** The server may let this device read the chat now. */
  granted(): void {
    for (const member of this.#members)
      if (member.ledger.access.kind === 'refused') member.dispatch({ type: 'access-granted' });
  }

  /**
   * Subscribe first, then read: what was published before realtime was live comes from the log, what follows from
   * realtime. The old path is dropped only after that.
   */
  readAndTrust(): void {
    void this.#http.catchUp(true).then(() => {
      if (this.#link.isLive) this.#http.stop();
    });
  }

  /** Plans again, and does what the plan says. */
  evaluate(): void {
    const { now, timings } = this.context;
    const at = now();
    const next = plan(this.#need(), this.#health(), at, timings);
    // Of two streams of one run, one may wait while a response feeds the other.
    for (const reader of this.#readers) reader.noteStuck(next.stuck.includes(reader.runId) && reader.needsPath, at);
    for (const runId of next.givesUp) for (const member of this.#members) member.giveUp(runId);
    if (this.#isRead && this.#usedAt !== undefined) this.#usedAt = at;
    if (!next.isSubscribed && this.#usedAt !== undefined) this.#disconnect();
    if (next.follows) void this.#http.follow();
    if (next.reads) this.catchUp();
    this.#schedule(next.nextDeadline - at);
    for (const member of this.#members) member.show(next);
  }

  get #readers(): readonly RunReader[] {
    return this.#members.flatMap(({ readers }) => readers);
  }

  /** Whether there is anybody to read for. */
  get #isRead(): boolean {
    return this.#members.some(({ isWatched, readers }) => isWatched || readers.length > 0);
  }

  get #isRefused(): boolean {
    return this.#members.at(-1)?.ledger.access.kind === 'refused';
  }

  /** The lowest turn behind which a transport's watchers want all turns. */
  get #turn(): number | undefined {
    const turns = this.#members.flatMap(({ ledger }) => informedTurn(ledger.server) ?? []);
    return turns.length > 0 ? Math.min(...turns) : undefined;
  }

  /** What reads for all transports of the page: the time is the first one's, everything else the newest one's. */
  #contextFrom(first: SessionContext): LineContext {
    const members = () => this.#members.map(({ transport }) => transport);
    return {
      clock: first.clock,
      timings: first.timings,
      now: first.now,
      get http() {
        return (members().at(-1) ?? first).http;
      },
      get subscriber() {
        return members().findLast(({ subscriber }) => subscriber)?.subscriber;
      },
      closing: this.#closing.signal,
      emit: (event: TransportEvent) => each(members(), ({ emit }) => emit(event)),
      failed: (error: unknown) => {
        each(members(), ({ failed }) => failed(error));
        this.onFailure(error);
      },
    };
  }

  #want(): HttpWant {
    const begun = this.#readers.filter(({ hasBegun }) => hasBegun);
    const runs = begun.filter(({ isFed }) => !isFed);
    const missed = begun.filter(({ needsPath }) => needsPath);
    const isRefused = this.#isRefused;
    const turn = isRefused ? undefined : this.#turn;
    const follows = !this.#link.isLive && !isRefused && (turn !== undefined || runs.length > 0);
    return { runs, missed, turn, follows, call: this.#members.at(-1)?.call };
  }

  #need(): Need {
    return {
      runs: this.#readers.map((reader) => reader.need(this.#link.heardAt)),
      isWatched: this.#members.some(({ isWatched }) => isWatched),
      isInformed: this.#turn !== undefined,
      usedAt: this.#usedAt,
    };
  }

  #health(): Health {
    return {
      isRefused: this.#isRefused,
      realtime: this.#link.state,
      path: this.#http.path,
      failures: this.#http.failures,
      network: this.#network,
    };
  }

  #onMessage(data: string, onMalformed: (error: unknown) => void): void {
    let frame: Frame;
    try {
      frame = decodeFrame(data);
    } catch (error) {
      return onMalformed(error);
    }
    this.reached();
    this.#accept(frame);
  }

  #onHttpFrame(frame: Frame, replayed: boolean, members = this.#members): void {
    const { heardAt } = this.#link;
    const readers = members.flatMap((member) => member.readers);
    const waiting = readers.find(({ runId, isFed, isMissing }) => runId === frame.run && !isFed && !isMissing);
    const quiet = waiting?.need(heardAt);
    const isNews = this.#accept(frame, replayed, members);
    const { now, timings } = this.context;
    // A question that realtime should have brought since it is live, or a part of an answer that waits for it.
    const waitedFrom = 'start' in frame ? this.#link.liveAt : quiet?.newsAt;
    if (!isNews || !this.#link.isLive || waitedFrom === undefined) return;
    // Realtime was silent for long, and there was something to say.
    if (now() - Math.max(waitedFrom, heardAt) < Math.min(timings.quietMs, timings.silenceMs)) return;
    this.#link.missed();
  }

  /** Takes a frame from any path. True when it was news to one of the transports. */
  #accept(frame: Frame, replayed = false, members = this.#members): boolean {
    if ('start' in frame) this.#recent.begin(frame);
    else this.#recent.add(frame);
    let isNews = false;
    for (const member of members) isNews = member.accept(frame, replayed) || isNews;
    // The last chunk of a run: devices show the error before the server has saved the run and logged its end.
    if ('chunks' in frame && frame.chunks.at(-1)?.type === 'error') {
      const { run, turn, next } = frame;
      this.#accept({ v: wireVersion, run, turn, at: next, end: { reason: 'error' } }, false, members);
    }
    return isNews;
  }

  #onRealtime({ kind }: RealtimeState): void {
    if (kind === 'live') {
      this.reached();
      this.readAndTrust();
    }
    // What an older transport's credentials do not open any more, a newer one's may.
    if (kind === 'none' && this.#link.subscriber !== this.context.subscriber) this.#link.open();
    this.evaluate();
  }

  #setNetwork(network: Health['network']): void {
    if (this.#network === network) return;
    this.#network = network;
    this.evaluate();
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
    const hasReaders = this.#readers.length > 0;
    const longestMs = hasReaders ? timings.sendMs / 2 : timings.lingerMs;
    if (delayMs === Number.POSITIVE_INFINITY && !hasReaders) return;
    this.#timer = clock.setTimeout(() => this.evaluate(), Math.min(Math.max(delayMs, 0), longestMs));
  }
}
