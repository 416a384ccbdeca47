import type { TimedRevocation } from '@chat-transport/core/provider';
import type { ResolvedOptions } from './options.ts';
import type { Session } from './session.ts';

/** The open sessions of one server, and the one timer that checks them. */
export class SessionRegistry {
  readonly #options: ResolvedOptions;
  readonly #sessions = new Set<Session>();
  readonly #perAddress = new Map<string, number>();
  readonly #perUser = new Map<string, Set<Session>>();
  readonly #usersOf = new Map<Session, Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The number of sessions from one address. */
  from(address: string): number {
    return this.#perAddress.get(address) ?? 0;
  }

  /** Counts a session as a user's. False when the user has as many as a user may have. */
  admit(session: Session, userId: string): boolean {
    const sessions = this.#perUser.get(userId) ?? new Set();
    if (!sessions.has(session) && sessions.size >= this.#options.maxConnectionsPerUser) return false;
    this.#perUser.set(userId, sessions.add(session));
    this.#usersOf.set(session, (this.#usersOf.get(session) ?? new Set()).add(userId));
    return true;
  }

  /** Takes back access to a chat from all sessions. */
  revoke(revocation: TimedRevocation): void {
    for (const session of this.#sessions) session.revoke(revocation);
  }

  add(session: Session, address: string): void {
    this.#sessions.add(session);
    this.#perAddress.set(address, this.from(address) + 1);
    this.#timer ??= this.#startTimer();
  }

  remove(session: Session, address: string): void {
    this.#sessions.delete(session);
    for (const userId of this.#usersOf.get(session) ?? []) {
      const sessions = this.#perUser.get(userId);
      sessions?.delete(session);
      if (sessions?.size === 0) this.#perUser.delete(userId);
    }
    this.#usersOf.delete(session);
    const left = this.from(address) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
    if (this.#sessions.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#onEmpty?.();
  }

  /**
   * Closes every session, and resolves when the last one is gone. ws ends those whose peer does not answer; no timer is
   * left.
   */
  async close(): Promise<void> {
    for (const session of this.#sessions) session.close();
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  #startTimer(): NodeJS.Timeout {
    const { heartbeatMs, deadAfterMs, subscribeTimeoutMs, subscriptionMs, now } = this.#options;
    const shortestMs = Math.min(heartbeatMs, deadAfterMs, subscribeTimeoutMs, subscriptionMs);
    const check = (): void => {
      const time = now();
      for (const session of this.#sessions) session.check(time);
    };
    return setInterval(check, Math.min(1_000, Math.max(10, shortestMs / 4))).unref();
  }
}
