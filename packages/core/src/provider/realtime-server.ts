import type { RunLog, RunRecord } from '../log/run-log.ts';
import type { Revocation } from '../server/http/live-access.ts';

/** What a service can carry, each number with its source in the provider. */
export interface PublishLimits {
  /** Largest message of one publish, in bytes of UTF-8. Core sends a pointer frame instead of a larger one. */
  readonly maxMessageBytes: number;
  /** Shortest time between two messages with text of a run, in milliseconds; the first one leaves at once. 0: no pause. */
  readonly flushIntervalMs: number;
  /** Publishes per second over all runs of this process; absent: no limit of ours. Above it, messages grow. After a pause a quarter of it leaves at once. */
  readonly publishesPerSecond?: number;
  /**
   * The service keeps the order of messages that are under way together, so that core need not wait for one publish before the next:
   * up to `maxPublishesUnderWay` (16) per chat. @default false: one at a time per chat
   */
  readonly pipelined?: boolean;
}

/** The server half of a provider. */
export interface RealtimeServer {
  /** The provider's name, as shown in errors and events. */
  readonly name: string;
  readonly limits: PublishLimits;
  /** The address of a chat on this service: within the service's character set, and different for different chats. */
  channelName(chatId: string): string;
  /**
   * Publishes one message. Core calls it in order, after the append; one at a time per chat, unless `limits.pipelined`. It may take
   * as long as it needs: only messages wait for it, never a run. A failure never fails the run: readers repair from the log.
   * @param id Names the message for services that drop duplicates: equal ids mean equal `data`. At most 180 characters of `A-Za-z0-9_-`.
   * @throws ChatTransportError `rate-limited`: core waits and publishes again, merged with what has come since.
   * `provider-failed`, `too-large`: the message is given up.
   */
  publish(channel: string, data: string, signal: AbortSignal, id: string): Promise<void>;
  /**
   * Publishes at once, for services that are this process: core then keeps no queue. Throws as `publish`.
   */
  publishNow?(channel: string, data: string): void;
  /**
   * Answers `POST {api}/auth`: the credential for one chat's channel, subscribe only. `allow` runs the app's `authorize`
   * for that chat and throws when it is refused; call it before anything is granted.
   */
  authorize?(request: Request, allow: AllowChat): Promise<Response>;
  /**
   * Answers routes of the provider's own. Called with each request before core's routes, `path` being what follows the base path; `undefined`
   * leaves the request to core. Throw a `ChatTransportError` to refuse one.
   */
  route?(request: Request, path: string): Promise<Response | undefined>;
  /** The log, where the service is one. `append` then also publishes. */
  readonly log?: RunLog;
  /**
   * This process is the only one that serves its chats, as a Durable Object is. Nobody else can take access back then, so no read of the log waits
   * for it: a waiting read keeps an object in memory. @default false
   */
  readonly isAlone?: boolean | undefined;
  /**
   * Ends the subscriptions of a user, or of everybody, in a chat, and refuses credentials that were given before. Core calls it in each process that
   * the log reaches. With `agoMs`, subscriptions by newer credentials stay.
   */
  revoke?(revocation: Revocation): void;
  /** How many connections of this process follow a chat, for providers whose own sockets are in this process: `watchers` of `onFinish`. */
  watcherCount?(chatId: string): number;
  /** Called once by `createChatHandler`, for providers whose own sockets carry commands or requests. */
  connect?(host: RealtimeHost): void;
}

/** Runs the app's `authorize` for one chat and answers with the user, if it names one. `action` defaults to `read`. Throws `ChatTransportError` (`unauthorized`, `forbidden`, `invalid-id`). */
export type AllowChat = (
  chatId: string,
  action?: 'read' | 'send' | 'command',
) => Promise<{ readonly userId?: string } | undefined>;

/** What core lends a provider's own server: the same handler that HTTP requests pass. */
export interface RealtimeHost {
  /** Answers a request as `createChatHandler` does, `authorize` included. */
  handle(request: Request): Promise<Response>;
  /** The handler's base path, e.g. `/api/chat`. */
  readonly api: string;
  /**
   * Hands over what other processes write to a chat until `signal` aborts, as messages for its channel: for providers whose own sockets are
   * in this process. Call it once per chat, not once per device. Resolves when nothing that is written from then on is left out.
   * @throws ChatTransportError as `RunLog.state`.
   */
  follow(chatId: string, deliver: (data: string) => void, signal: AbortSignal): Promise<void>;
  /** The chat's newest turn, 0 for a chat without runs, and its run, where there is one: a deletion has a turn of its own. */
  newest(chatId: string): Promise<{ readonly turn: number; readonly run?: RunRecord | undefined }>;
  /**
   * Answers `GET {api}/{chatId}/stream` without asking `authorize`: for a reader that it has let in before, whose connection a proxy holds.
   * Errors are answered as `handle` answers them.
   */
  stream(request: Request, chatId: string): Promise<Response>;
}
