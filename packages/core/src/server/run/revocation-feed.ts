import { backoffMs, type Clock, sleep } from '../../clock.ts';
import type { LoggedRevocation, LoggedRevocations, RunLog } from '../../log/run-log.ts';
import type { ServerEvent } from '../events.ts';
import type { Revocation } from '../http/live-access.ts';

/** How long one waiting read of the log lasts, in milliseconds. */
const waitMs = 20_000;
/** How long a stream has to live before the log is asked for its sake, in milliseconds: most are over sooner. */
const settleMs = 50;

interface Following {
  readonly controller: AbortController;
  /** Resolves when what is in the log was applied. */
  readonly ready: Promise<void>;
  /** What this process has taken back and applied itself, until the log brings it back. */
  readonly own: Set<string>;
  listeners: number;
}

/** What a revocation feed needs of its runtime. */
export interface RevocationFeedOptions {
  readonly log: RunLog;
  readonly clock: Clock;
  readonly emit: (event: ServerEvent) => void;
  readonly generateId: () => string;
  /** No other process can take access back: the log is written, and not read. */
  readonly isAlone: boolean;
  /** Applies to this process what was taken back. */
  readonly apply: (revocation: Revocation) => void;
}

/**
 * Brings what was taken back to every process: the log is the bus. A chat is followed once, while connections of this process need it.
 * What the log has from before is applied with its time, so that what was given since then stays.
 */
export class RevocationFeed {
  readonly #options: RevocationFeedOptions;
  readonly #chats = new Map<string, Following>();

  constructor(options: RevocationFeedOptions) {
    this.#options = options;
  }

  /** Takes access back here, at once, and records it for all other processes. @throws ChatTransportError as `RunLog.revoke`. */
  async revoke(revocation: Revocation): Promise<void> {
    const { log, generateId, apply } = this.#options;
    const { chatId, userId } = revocation;
    const id = generateId();
    apply(revocation);
    this.#chats.get(chatId)?.own.add(id);
    await log.revoke(chatId, { id, ...(userId !== undefined && { userId }) });
  }

  /** Follows a chat until the answered function is called, beginning a moment later. */
  listen(chatId: string): () => void {
    const { clock, isAlone } = this.#options;
    if (isAlone) return () => {};
    let leave: (() => void) | undefined;
    const timer = clock.setTimeout(() => {
      leave = this.#join(chatId).leave;
    }, settleMs);
    (timer as { unref?: () => void } | undefined)?.unref?.();
    return () => {
      clock.clearTimeout(timer);
      leave?.();
    };
  }

  /** Follows a chat until `signal` aborts. Resolves when what is in the log was applied, or the log did not answer. */
  follow(chatId: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#options.isAlone) return Promise.resolve();
    const { ready, leave } = this.#join(chatId);
    signal.addEventListener('abort', leave, { once: true });
    return ready;
  }

  #join(chatId: string): { readonly ready: Promise<void>; readonly leave: () => void } {
    const following = this.#chats.get(chatId) ?? this.#begin(chatId);
    following.listeners += 1;
    const leave = (): void => {
      following.listeners -= 1;
      if (following.listeners > 0) return;
      following.controller.abort();
      if (this.#chats.get(chatId) === following) this.#chats.delete(chatId);
    };
    return { ready: following.ready, leave };
  }

  #begin(chatId: string): Following {
    const controller = new AbortController();
    let onReady = (): void => {};
    const ready = new Promise<void>((resolve) => {
      onReady = resolve;
    });
    const following: Following = { controller, ready, own: new Set(), listeners: 0 };
    this.#chats.set(chatId, following);
    void this.#run(chatId, following, onReady);
    return following;
  }

  async #run(chatId: string, following: Following, onReady: () => void): Promise<void> {
    const { signal } = following.controller;
    const { log, clock, emit } = this.#options;
    let after: number | undefined;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const news: LoggedRevocations = await log.revocations(
          chatId,
          after === undefined ? { signal } : { after, waitMs, signal },
        );
        for (const revoked of news.revoked) {
          if (!following.own.delete(revoked.id)) this.#apply(chatId, revoked, after === undefined);
        }
        after = news.cursor;
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        emit({ type: 'log-failed', chatId, operation: 'revocations', error });
        onReady();
        if ((error as { retryable?: unknown } | undefined)?.retryable === false) return;
        await sleep(clock, backoffMs(failures), signal);
        failures += 1;
      }
      onReady();
    }
    onReady();
  }

  #apply(chatId: string, { userId, agoMs }: LoggedRevocation, isOld: boolean): void {
    const { apply } = this.#options;
    apply({ chatId, ...(userId !== undefined && { userId }), ...(isOld && { agoMs }) });
  }
}
