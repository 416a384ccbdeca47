import type { IncomingMessage } from 'node:http';
import {
  type ChatGrant,
  type ChatTokens,
  type CommandAnswer,
  commandAnswer,
  concerns,
  type ErrorCode,
  type RealtimeHost,
  type Revocations,
  type TimedRevocation,
} from '@chat-transport/core/provider';
import type { WebSocket } from 'ws';
import type { ClientFrame } from '../socket-wire.ts';
import type { ChannelHub, Subscription } from './channel-hub.ts';
import { isOwnType, parseClientFrame } from './client-frame.ts';
import { hostRequest } from './host-request.ts';
import { maxRefusalsInARow, type ResolvedOptions, reauthorizeAheadMs } from './options.ts';
import { closeCodes, SocketConnection } from './socket-connection.ts';
import { StockBridge } from './stock-bridge.ts';
import { parseJson } from './text.ts';

/** What the sessions of one server share. */
export interface SessionContext {
  readonly options: ResolvedOptions;
  readonly tokens: ChatTokens;
  readonly hub: ChannelHub;
  readonly revocations: Revocations;
  /** Counts a session as a user's; false when the user has too many. */
  readonly admit: (session: Session, userId: string) => boolean;
  readonly host: RealtimeHost;
}

/** What one client does on its socket: its subscriptions, its commands, and the AI SDK's own requests. */
export class Session {
  readonly #context: SessionContext;
  readonly #connection: SocketConnection;
  readonly #stock: StockBridge;
  readonly #subscriptions = new Map<string, Subscription>();
  #commands = 0;
  #refusals = 0;
  /** Whether the handshake's headers were enough for the app, as far as it was asked. */
  #handshakeGrants = true;

  constructor(socket: WebSocket, handshake: IncomingMessage, context: SessionContext, onClosed: () => void) {
    this.#context = context;
    this.#connection = new SocketConnection(socket, handshake, context.options, {
      onText: (text) => this.#receive(text),
      onDrained: () => this.#tellMissed(),
      onClosed: () => {
        this.#stock.close();
        for (const subscription of this.#subscriptions.values()) context.hub.remove(subscription);
        this.#subscriptions.clear();
        onClosed();
      },
    });
    this.#stock = new StockBridge(context.host, this.#connection, context.options);
  }

  /** Says how many chats this socket may carry. */
  welcome(): void {
    this.#connection.tell({ type: 'welcome', maxSubscriptions: this.#context.options.maxSubscriptionsPerConnection });
  }

  /** Heartbeats, and subscriptions that end. */
  check(now: number): void {
    this.#connection.check(now);
    const aheadMs = Math.min(reauthorizeAheadMs, this.#context.options.subscriptionMs / 2);
    for (const subscription of this.#subscriptions.values()) {
      const { ref, endsAt, grant } = subscription;
      if (now >= endsAt) {
        this.#drop(grant.chatId);
        this.#refuse(ref, grant.chatId, 'unauthorized', 'The subscription is over: subscribe again with a new token.');
      } else if (now >= endsAt - aheadMs && !subscription.isAsked) {
        subscription.isAsked = true;
        void this.#renew(subscription);
      }
    }
  }

  /** Ends the subscriptions whose access was taken back. A client that may still read comes back with a new token. */
  revoke(revocation: TimedRevocation): void {
    for (const { ref, grant } of [...this.#subscriptions.values()]) {
      if (!concerns(revocation, grant)) continue;
      this.#drop(grant.chatId);
      this.#refuse(ref, grant.chatId, 'unauthorized', 'Access was taken back: subscribe again with a new token.');
    }
  }

  close(): void {
    this.#connection.close(closeCodes.goingAway, 'the server closes');
  }

  terminate(): void {
    this.#connection.terminate();
  }

  async #receive(text: string): Promise<void> {
    const value = parseJson(text);
    if (!isOwnType(value)) {
      if (!(await this.#stock.receive(value))) this.#connection.close(closeCodes.invalidFrame, 'invalid frame');
      return;
    }
    const frame = parseClientFrame(value);
    if (!frame) return this.#connection.close(closeCodes.invalidFrame, `invalid ${value.type} frame`);
    if (frame.type === 'ping') return this.#connection.tell({ type: 'pong' });
    if (frame.type === 'unsubscribe') return this.#drop(frame.chat);
    if (frame.type === 'subscribe') return this.#subscribe(frame);
    void this.#command(frame);
  }

  async #subscribe({ ref, chat, token }: Extract<ClientFrame, { type: 'subscribe' }>): Promise<void> {
    const { options, tokens, revocations, admit } = this.#context;
    const grant = await tokens.verify(token);
    if (!this.#connection.isOpen) return;
    if (!grant)
      return this.#refuse(ref, chat, 'unauthorized', 'The token is invalid or expired: POST to `auth` for a new one.');
    if (grant.chatId !== chat || !grant.may.includes('read'))
      return this.#refuse(ref, chat, 'forbidden', 'The token is not for reading this chat.');
    if (revocations.covers(grant))
      return this.#refuse(ref, chat, 'unauthorized', 'The token was taken back: POST to `auth` for a new one.');
    if (grant.userId !== undefined && !admit(this, grant.userId)) {
      const message = `This user has ${options.maxConnectionsPerUser} sockets, which is the limit (\`maxConnectionsPerUser\`).`;
      return this.#refuse(ref, chat, 'rate-limited', message);
    }
    const limit = options.maxSubscriptionsPerConnection;
    if (!this.#subscriptions.has(chat) && this.#subscriptions.size >= limit) {
      return this.#refuse(ref, chat, 'rate-limited', `This socket follows ${limit} chats, which is the limit.`);
    }
    const hasMissed = this.#subscriptions.get(chat)?.hasMissed ?? false;
    const subscription: Subscription = {
      connection: this.#connection,
      grant,
      ref,
      endsAt: options.now() + options.subscriptionMs,
      isAsked: false,
      hasMissed,
      hasNewest: false,
    };
    this.#subscriptions.set(chat, subscription);
    this.#connection.proved = true;
    this.#refusals = 0;
    // Not awaited: other frames of this socket do not wait for the log.
    void this.#follow(subscription);
  }

  /**
   * Renews a subscription whose end is near. Cookies of the handshake may say who this is, so the app is asked with the
   * handshake's own headers first; where they do not grant as much as before, the client is asked for a new token.
   */
  async #renew(subscription: Subscription): Promise<void> {
    const { ref, grant } = subscription;
    const again = this.#handshakeGrants ? await this.#grantOfHandshake(grant.chatId) : undefined;
    if (!this.#connection.isOpen || this.#subscriptions.get(grant.chatId) !== subscription) return;
    if (again && again.userId === grant.userId && grant.may.every((each) => again.may.includes(each))) {
      subscription.grant = again;
      subscription.endsAt = this.#context.options.now() + this.#context.options.subscriptionMs;
      subscription.isAsked = false;
      return;
    }
    this.#handshakeGrants = false;
    this.#connection.tell({ type: 'reauthorize', ref, chat: grant.chatId });
  }

  /** What the app grants to the handshake's headers; `undefined` where it refuses or does not answer. */
  async #grantOfHandshake(chatId: string): Promise<ChatGrant | undefined> {
    const { host, tokens } = this.#context;
    try {
      const request = hostRequest(this.#connection.handshake, `${host.api}/auth`, { method: 'POST', body: { chatId } });
      const { token } = (await (await host.handle(request)).json()) as { token?: string };
      return await tokens.verify(token);
    } catch {
      return undefined;
    }
  }

  async #follow(subscription: Subscription): Promise<void> {
    const { ref, grant } = subscription;
    const chat = grant.chatId;
    const isWanted = (): boolean => this.#connection.isOpen && this.#subscriptions.get(chat) === subscription;
    try {
      if (await this.#context.hub.add(subscription, isWanted)) this.#connection.tell({ type: 'live', ref, chat });
    } catch {
      if (!isWanted()) return;
      this.#drop(chat);
      this.#refuse(ref, chat, 'provider-failed', 'The log did not answer. Subscribe again.');
    }
  }

  async #command({ ref, chat, run, message }: Extract<ClientFrame, { type: 'command' }>): Promise<void> {
    const { host, options } = this.#context;
    const answer = (rest: CommandAnswer): void => this.#connection.tell({ type: 'receipt', ref, ...rest });
    const fail = (code: ErrorCode, text: string): void => answer({ error: { code, message: text } });
    if (!this.#subscriptions.get(chat)?.grant.may.includes('command'))
      return fail('forbidden', 'You may not stop or steer answers in this chat.');
    if (this.#commands >= options.maxRequestsPerConnection)
      return fail('rate-limited', 'Too many commands are under way. Try again in a moment.');
    this.#commands += 1;
    try {
      const body = { ...message, runId: run };
      const request = hostRequest(this.#connection.handshake, `${host.api}/${chat}/command`, { method: 'POST', body });
      answer(await commandAnswer(await host.handle(request)));
    } catch {
      fail('provider-failed', 'The command could not be delivered. Try again.');
    } finally {
      this.#commands -= 1;
    }
  }

  #refuse(ref: number, chat: string, code: ErrorCode, message: string): void {
    this.#connection.tell({ type: 'refused', ref, chat, code, message });
    this.#refusals += 1;
    // A socket that also carries accepted chats stays open.
    if (this.#refusals > maxRefusalsInARow && this.#subscriptions.size === 0)
      this.#connection.close(closeCodes.invalidFrame, 'too many refused subscriptions');
  }

  #tellMissed(): void {
    for (const subscription of this.#subscriptions.values()) {
      if (!subscription.hasMissed) continue;
      subscription.hasMissed = false;
      this.#connection.tell({ type: 'missed', ref: subscription.ref, chat: subscription.grant.chatId });
    }
  }

  #drop(chat: string): void {
    const subscription = this.#subscriptions.get(chat);
    if (!subscription) return;
    this.#subscriptions.delete(chat);
    this.#context.hub.remove(subscription);
  }
}
