import type { ChatTransportError } from '../errors.ts';
import type { CommandReceipt, RunCommand } from '../log/run-log.ts';

/** What a subscription reports to core. Calls after the subscription's signal has aborted are ignored. */
export interface ChannelListener {
  /** One published message, as it came. Core decodes and checks it. */
  onMessage(data: string): void;
  /**
   * From now on everything published arrives. Called again after each interruption: core then reads what it missed from
   * the log.
   */
  onLive(): void;
  /** Messages may be lost from here until the next `onLive`. */
  onInterrupted(reason?: unknown): void;
  /**
   * The subscription waits behind others of this page, and has come nearer to its turn: core waits a little longer
   * before it turns to HTTP, so that a page with many chats does not send requests that delay those it waits for.
   */
  onQueued?(): void;
  /**
   * The service refuses this page again and again, and the subscriber goes on trying. Core reports it as
   * `realtime-failed`. Called once until the service accepts again, for one of the page's subscriptions.
   */
  onRefused?(error: ChatTransportError): void;
  /** The subscription will not recover without help (refused credential, dead channel). Core goes on over HTTP. */
  onFailed(error: ChatTransportError): void;
}

/** The browser half of a provider. */
export interface RealtimeSubscriber {
  /** The provider's name, as shown in `connection()` and errors. */
  readonly name: string;
  /**
   * Subscribes to a chat's channel until `signal` aborts. Never throws and never waits: `listener` hears what happens.
   */
  subscribe(chatId: string, listener: ChannelListener, signal: AbortSignal): void;
  /**
   * While the subscription is live, a send asks for no answer in its response: the device reads its own answer over the
   * service, as others do, and receives it once. Always so where there is a `send`. @default false: both bring it, and
   * the sooner one counts
   */
  readonly carriesOwnAnswers?: boolean;
  /**
   * Sends a command over the service, only where our own server code receives it. Rejects when it cannot: core then
   * posts it.
   */
  send?(chatId: string, runId: string, message: RunCommand, signal: AbortSignal): Promise<CommandReceipt>;
  /** Releases the connections that this subscriber opened itself; a client handed in by the user stays. Idempotent. */
  close?(): void;
}
