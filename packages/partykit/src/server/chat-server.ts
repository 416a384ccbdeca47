import {
  type ChatGrant,
  type ChatPermission,
  type ChatTokens,
  ChatTransportError,
  type CommandAnswer,
  commandAnswer,
  concerns,
  createStoreLog,
  defaultRetentionMs,
  encodeForLimit,
  type Frame,
  loggedRevocations,
  type RealtimeServer,
  type Revocation,
  type RunKey,
  type RunLog,
  revocationsClaim,
  type StoredRun,
} from '@chat-transport/core/provider';
import {
  type ChatAction,
  type ChatHandler,
  createChatHandler,
  defaultMaxBodyBytes,
  errorJson,
} from '@chat-transport/core/server';
import { createSqlStore, type SqlStore } from '@chat-transport/sqlite/sql';
import { type Connection, type ConnectionContext, Server, type WSMessage } from 'partyserver';
import { defaultLimits } from '../limits.ts';
import { type ClientMessage, type DeviceMessage, type LogAnswer, ping, pong, type WireError } from '../socket-wire.ts';
import { ticketHeader, ticketsOf } from '../ticket.ts';
import { type ChatServerOptions, defaultMaxConnectionsPerUser, defaultSessionMs } from './chat-server-options.ts';
import { durableDatabase } from './durable-database.ts';
import { LogDesk } from './log-desk.ts';
import { publishedLog } from './published-log.ts';
import { replay } from './replay.ts';
import { maxUnreadLength, maxUnreadTotal, SocketFlow } from './socket-flow.ts';
import { thriftyStore } from './thrifty-store.ts';

/** The user and the rights of a socket. They are stored with the socket, so that they outlast hibernation. */
interface Session {
  readonly may: readonly ChatPermission[];
  readonly userId?: string | undefined;
  /** When a new ticket is due, by the platform's clock. */
  readonly until: number;
}

/** A request that this object has checked, or made itself. */
type Grant = Pick<ChatGrant, 'may' | 'userId' | 'issuedAtMs'>;

/**
 * How long unfinished work waits for the next attempt, in milliseconds: longer than the claim of one that died with it.
 */
const retryMs = 60_000;

/**
 * The Durable Object of one chat: its log, its channel and its inbox. Export a subclass from a Worker and reach it with
 * `routeChatRequest`. It trusts tickets and nothing else.
 */
export abstract class ChatServer<Env extends Cloudflare.Env = Cloudflare.Env> extends Server<Env> {
  static override readonly options = { hibernate: true };

  #configured: ChatServerOptions | undefined;
  #store!: SqlStore;
  #log!: RunLog;
  #desk!: LogDesk;
  #handler!: ChatHandler;
  #alarmAt: number | undefined;
  readonly #grants = new WeakMap<Request, Grant>();
  /** What each device's socket has on its way. Lost with the memory of an idle object, which has nothing on its way. */
  readonly #flows = new Map<string, SocketFlow>();
  /** How many commands of each socket are under way. */
  readonly #commands = new Map<string, number>();
  #lastReplay: { readonly key: string; readonly texts: readonly string[] } | undefined;

  /** The secret, and what answers are made with where that happens here. Called once per start of the object. */
  abstract configure(): ChatServerOptions;

  override onStart(): void {
    const options = this.#options;
    const { retentionMs, now, respond, flushIntervalMs, maxMessageBytes } = options;
    this.#store = thriftyStore(createSqlStore(durableDatabase(this.ctx.storage), { now }), now);
    const log = createStoreLog({ name: 'partykit', store: this.#store, retentionMs });
    const turnOf = (key: RunKey): number => this.#store.facts(key.chatId, { run: key.runId }).run?.turn ?? 0;
    this.#log = publishedLog(
      log,
      (key, frame) => this.#publish(key, frame),
      turnOf,
      (revocation) => this.#endSessions(revocation),
    );
    this.#desk = new LogDesk(this.#log, this.name);
    const limits = {
      flushIntervalMs: flushIntervalMs ?? defaultLimits.flushIntervalMs,
      maxMessageBytes: maxMessageBytes ?? defaultLimits.maxMessageBytes,
    };
    this.#handler = createChatHandler({
      ...options,
      respond: respond ?? refuse,
      realtime: this.#realtime(limits),
      authorize: ({ request, chatId, action }) => this.#authorize(request, chatId, action),
      waitUntil: (work) => this.ctx.waitUntil(work),
    });
    // Answered by the platform: a heartbeat does not wake the object.
    this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(ping, pong));
  }

  /** Asks for the ticket before anything else, also of who came past `routeChatRequest`. */
  override async fetch(request: Request): Promise<Response> {
    const isSocket = request.headers.get('upgrade')?.toLowerCase() === 'websocket';
    const token = isSocket ? new URL(request.url).searchParams.get('ticket') : request.headers.get(ticketHeader);
    const ticket = await this.#tickets.verify(token);
    if (ticket?.chatId !== this.name) {
      return isSocket ? errorJson('unauthorized', await this.#tickets.explain(token)) : super.fetch(request);
    }
    if (isSocket && this.#hasTooManySockets(ticket.userId)) {
      return errorJson(
        'rate-limited',
        `This user has ${this.#maxConnectionsPerUser} sockets of this chat, which is the limit.`,
      );
    }
    const known = isSocket ? withOwnId(request) : request;
    this.#grants.set(known, ticket);
    return super.fetch(known);
  }

  // Nothing may be awaited here: a frame that is appended between the replay and `setState` would be neither replayed
  // nor live.
  override onConnect(connection: Connection<Session>, { request }: ConnectionContext): void {
    const query = new URL(request.url).searchParams;
    const grant = this.#grants.get(request) ?? { may: [] };
    const { may, userId } = grant;
    if (this.#isRevoked(grant)) return endSession(connection);
    if (may.includes('read')) {
      const from = Math.max(0, Math.trunc(Number(query.get('from')) || 0));
      for (const text of this.#missed(query.get('run') ?? '', from)) this.#send(connection, text);
      this.#tellLive(connection);
    }
    connection.setState({ may, userId, until: Date.now() + (this.#options.sessionMs ?? defaultSessionMs) });
  }

  override async onMessage(connection: Connection<Session>, message: WSMessage): Promise<void> {
    const { state } = connection;
    try {
      if (!state || typeof message !== 'string') throw new TypeError('Not a message of this wire.');
      if (!state.may.includes('log') && message.length > maxMessageLength(state, this.#options.maxBodyBytes)) {
        return connection.close(closeCodes.tooLarge, 'too large');
      }
      if (state.until <= Date.now()) endSession(connection);
      else if (state.may.includes('log')) await this.#desk.ask(message, (answer) => tell(connection, answer));
      else await this.#answer(connection, state, JSON.parse(message));
    } catch {
      connection.close(closeCodes.invalid, 'invalid message');
    }
  }

  override onClose(connection: Connection): void {
    this.#flows.delete(connection.id);
    for (const { state } of this.getConnections<Session>()) if (state?.may.includes('log')) return;
    this.#desk.close();
  }

  override onError(): void {}

  override async onRequest(request: Request): Promise<Response> {
    const isRevocation = new URL(request.url).pathname.endsWith(revokePath);
    if (!isRevocation || !this.#grants.get(request)?.may.includes('log')) return this.#handler(request);
    const { userId } = (await request.json()) as Pick<Revocation, 'userId'>;
    await this.#handler.runtime.revoke({ chatId: this.name, userId });
    return new Response(null, { status: 204 });
  }

  /**
   * Deletes what is past its retention; where answers are made here, ends and saves those whose writer died. Sets the
   * next alarm.
   */
  override async onAlarm(): Promise<void> {
    const { retentionMs = defaultRetentionMs, now = Date.now, respond } = this.#options;
    const newest = this.#newest();
    this.#alarmAt = undefined;
    this.#lastReplay = undefined;
    // The last alarm of an emptied chat: what claims are left are over.
    if (!newest) return void (await this.#log.unfinished(1));
    if (!newest.end && newest.leaseUntil > now()) return this.#wakeAt(newest.leaseUntil);
    const lostAt = newest.leaseUntil + newest.takeOverMs;
    // Elsewhere it is not said before somebody asks there: who asks lets that server save it.
    if (!newest.end && respond) await this.#log.end(newest, '', { reason: 'lost' });
    if (respond) await this.#handler.sweep();
    const open = await this.#log.unfinished(1);
    if (!newest.end && lostAt > now()) return this.#wakeAt(Math.min(lostAt, now() + retryMs));
    const endedAt = newest.end?.at ?? lostAt;
    const dueAt = [endedAt + retentionMs, endedAt + 2 * retentionMs].find((at) => at > now());
    if (respond && open.length > 0) await this.#wakeAt(now() + retryMs);
    else await this.#wakeAt(dueAt ?? now() + retentionMs);
  }

  /** Ends the sockets of devices whose access was taken back: they come back with a new ticket, if they get one. */
  #endSessions({ userId }: Revocation): void {
    for (const connection of this.getConnections<Session>()) {
      const { state } = connection;
      if (!state || state.may.includes('log')) continue;
      if (userId === undefined || state.userId === undefined || state.userId === userId) endSession(connection);
    }
  }

  get #maxConnectionsPerUser(): number {
    return this.#options.maxConnectionsPerUser ?? defaultMaxConnectionsPerUser;
  }

  /** Each socket takes its share of what may be unread: one user must not take them all. */
  #hasTooManySockets(userId: string | undefined): boolean {
    if (userId === undefined) return false;
    const own = [...this.getConnections<Session>()].filter(({ state }) => state?.userId === userId);
    return own.length >= this.#maxConnectionsPerUser;
  }

  /** Whether access was taken back since the ticket was signed. */
  #isRevoked(grant: Grant): boolean {
    if (grant.may.includes('log')) return false;
    const facts = this.#store.facts(this.name, { claim: revocationsClaim });
    return loggedRevocations(facts).some(({ userId, agoMs }) =>
      concerns({ chatId: this.name, userId, atMs: Date.now() - agoMs }, { chatId: this.name, ...grant }),
    );
  }

  /** The chat's newest run; with `kept`, only if it was not deleted. */
  #newest({ kept = false } = {}): StoredRun | undefined {
    const { newest, deletedTurn } = this.#store.facts(this.name, { newest: 1 });
    return newest.find(({ turn }) => !kept || turn > deletedTurn);
  }

  get #options(): ChatServerOptions {
    this.#configured ??= this.configure();
    return this.#configured;
  }

  get #tickets(): ChatTokens {
    return ticketsOf(this.#options.secret);
  }

  /** Sets the one alarm, by the log's clock. */
  async #wakeAt(logTime: number): Promise<void> {
    const { now = Date.now } = this.#options;
    // Each alarm is a row written.
    if (logTime === this.#alarmAt) return;
    this.#alarmAt = logTime;
    await this.ctx.storage.setAlarm(Date.now() + logTime - now());
  }

  #realtime(limits: RealtimeServer['limits']): RealtimeServer {
    return {
      name: 'partykit',
      limits,
      log: this.#options.respond ? this.#log : withoutFinishing(this.#log),
      isAlone: true,
      channelName: (chatId) => chatId,
      // The log publishes.
      publish: async () => {},
    };
  }

  #publish(key: RunKey, frame: Frame): void {
    const { retentionMs = defaultRetentionMs } = this.#options;
    const newest = 'chunks' in frame ? undefined : this.#newest();
    // The end of an older run may be published again.
    if (newest?.runId === key.runId) {
      void this.#wakeAt(newest.end ? newest.end.at + retentionMs : newest.leaseUntil);
    }
    let data: string | undefined;
    for (const connection of this.getConnections<Session>()) {
      const { state } = connection;
      if (!state?.may.includes('read')) continue;
      if (state.until <= Date.now()) endSession(connection);
      else {
        data ??= this.#encode(frame);
        this.#send(connection, data);
      }
    }
  }

  /** Sends to a device, unless too much is on its way already. */
  #send(connection: Connection, text: string): boolean {
    const flow = this.#flows.get(connection.id) ?? new SocketFlow();
    this.#flows.set(connection.id, flow);
    const isAdmitted = flow.admits(text.length, this.#flows.size);
    if (isAdmitted) {
      connection.send(text);
      flow.sent(text.length);
    }
    const mark = flow.nextMark();
    if (mark) tell(connection, { type: 'mark', mark });
    return isAdmitted;
  }

  /** What a device has missed. Devices often come back together: the same question has the same answer. */
  #missed(runId: string, from: number): readonly string[] {
    const {
      newest: [newest],
      deletedTurn,
    } = this.#store.facts(this.name, { newest: 1 });
    if (!newest) return [];
    const share = Math.min(maxUnreadLength / 4, maxUnreadTotal / (this.#flows.size + 1));
    // In steps, so that devices that come one after the other share an answer.
    const maxLength = 2 ** Math.floor(Math.log2(share));
    const key = JSON.stringify([runId, from, newest.runId, newest.next, newest.end?.reason, deletedTurn, maxLength]);
    if (this.#lastReplay?.key !== key) {
      const { maxMessageBytes = defaultLimits.maxMessageBytes } = this.#options;
      const options = { store: this.#store, chatId: this.name, runId, from, maxLength, maxMessageBytes };
      this.#lastReplay = { key, texts: replay(options) };
    }
    return this.#lastReplay.texts;
  }

  #tellLive(connection: Connection): void {
    const newest = this.#newest({ kept: true });
    tell(connection, { type: 'live', ...(newest && { run: newest.runId, next: newest.next }) });
  }

  #encode(frame: Frame): string {
    return encodeForLimit(frame, this.#options.maxMessageBytes ?? defaultLimits.maxMessageBytes);
  }

  async #answer(connection: Connection, session: Session, said: ClientMessage): Promise<void> {
    if (said.type === 'mark') {
      if (this.#flows.get(connection.id)?.returned(said.mark)) this.#tellLive(connection);
      return;
    }
    const { ref, run, message } = said;
    const request = new Request(`https://object/api/chat/${this.name}/command`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...message, runId: run }),
    });
    this.#grants.set(request, session);
    const open = this.#commands.get(connection.id) ?? 0;
    if (open >= maxCommands) return this.#receipt(connection, ref, { error: tooManyCommands });
    this.#commands.set(connection.id, open + 1);
    const response = await this.#handler(request).finally(() => this.#commanded(connection.id));
    this.#receipt(connection, ref, await commandAnswer(response));
  }

  #commanded(id: string): void {
    const open = (this.#commands.get(id) ?? 1) - 1;
    if (open > 0) this.#commands.set(id, open);
    else this.#commands.delete(id);
  }

  #receipt(connection: Connection, ref: number, answer: CommandAnswer): void {
    const message: DeviceMessage = { type: 'receipt', ref, ...answer };
    if (!this.#send(connection, JSON.stringify(message))) connection.close(closeCodes.invalid, 'receipts are not read');
  }

  #authorize(request: Request, chatId: string, action: ChatAction): boolean | { userId: string } {
    if (action === 'send' && !this.#options.respond) refuse();
    const grant = this.#grants.get(request);
    if (!grant?.may.includes(action) || chatId !== this.name) return false;
    return grant.userId === undefined ? true : { userId: grant.userId };
  }
}

/** Why the object closes a socket. */
export const closeCodes = { invalid: 1008, tooLarge: 1009, sessionOver: 4408 } as const;

/** Where a Worker takes access back, behind the chat's address. */
export const revokePath = '/access/revoke';

/** How many commands of one socket may be under way. */
const maxCommands = 16;
const tooManyCommands: WireError = {
  code: 'rate-limited',
  message: 'Too many commands are under way. Try again in a moment.',
};
/** A device that may only read sends marks and nothing else. */
const maxMarkLength = 1024;

function maxMessageLength({ may }: Session, maxBodyBytes: number = defaultMaxBodyBytes): number {
  return may.includes('command') ? maxBodyBytes : maxMarkLength;
}

/** The handshake with an id that no other socket has: a client could name another one's. */
function withOwnId(handshake: Request): Request {
  const url = new URL(handshake.url);
  url.searchParams.set('_pk', crypto.randomUUID());
  return new Request(url, handshake);
}

/**
 * Announces the end first: the close event of a close outside of the socket's own message handler arrives seconds
 * later.
 */
function endSession(connection: Connection): void {
  if (connection.readyState !== WebSocket.OPEN) return;
  tell(connection, { type: 'over' });
  connection.close(closeCodes.sessionOver, 'the session is over');
}

function tell(connection: Connection, message: DeviceMessage | LogAnswer): void {
  if (connection.readyState === WebSocket.OPEN) connection.send(JSON.stringify(message));
}

function refuse(): never {
  throw new ChatTransportError({
    code: 'not-found',
    message: 'This object does not make answers. To make them here, return `respond` from `configure`.',
  });
}

/** Where answers are made elsewhere, they are saved there too. */
function withoutFinishing(log: RunLog): RunLog {
  return {
    ...log,
    claim: async (chatId, key, owner, ttlMs) => !key.startsWith('finish:') && log.claim(chatId, key, owner, ttlMs),
  };
}
