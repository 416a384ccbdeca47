import type { Clock } from '../../clock.ts';
import { ChatTransportError } from '../../errors.ts';
import { Revocations } from '../../provider/revocations.ts';
import type { ServerEvent } from '../events.ts';
import type { ResolvedOptions } from '../options.ts';
import { refusesAccess } from './http-errors.ts';

/** How long one stream lasts at most, in milliseconds: then its reader comes back with a new request. */
export const maxStreamMs: number = 60 * 60 * 1000;

/** How long a grant of `authorize` holds for what a request begins later, in milliseconds: after a slow upload, or a wait, it is asked again. */
export const grantHoldsMs = 1000;

/** Whose access is taken back. */
export interface Revocation {
  readonly chatId: string;
  /** @default everybody's */
  readonly userId?: string | undefined;
  /** Set for what was taken back before this process looked, in milliseconds: what was given since then stays. @default all ends that was given until now */
  readonly agoMs?: number | undefined;
}

/**
 * What a request counts as toward what one user may have open, and there may be `maxStreamsPerUser` of each. A `read` ends with what there is, and a
 * `command` with its receipt; they are counted because a slow client, or a flood, may hold many open. The response of the send that began a run
 * counts as nothing.
 */
export type CountedAs = 'stream' | 'read' | 'command' | 'nothing';

/** A connection that stays open. */
export interface WatchedAccess {
  readonly chatId: string;
  /** What `authorize` answered. */
  readonly userId?: string | undefined;
  readonly countedAs: CountedAs;
  /** When the app was asked whether the reader may read, by the process's clock: what was taken back since then concerns the reader. */
  readonly askedAtMs: number;
  /** When it granted that. */
  readonly grantedAtMs: number;
  /** Asks the app again; rejects when it refuses. */
  readonly ask: () => Promise<unknown>;
  /** Ends the connection. Called once at most. */
  readonly onEnded: () => void;
}

/** A connection that is watched. */
export interface WatchedConnection {
  /** Where access may have been taken back since it was granted: settles when the app has been asked. Nothing is sent before that. */
  readonly ready: Promise<void> | undefined;
  /** Ends to watch it. */
  readonly forget: () => void;
}

/** What live access needs of the resolved options. */
type LiveAccessOptions = Pick<ResolvedOptions, 'clock' | 'reauthorizeMs' | 'maxStreamsPerUser' | 'emit'>;

/** Asks the app's `authorize` again while connections live, and ends those that it refuses. */
export class LiveAccess {
  readonly #clock: Clock;
  readonly #reauthorizeMs: number;
  readonly #emit: (event: ServerEvent) => void;
  readonly #chats = new Map<string, Set<Watch>>();
  readonly #listen: (chatId: string) => () => void;
  readonly #maxPerUser: number;
  /** How many connections each user has. */
  readonly #open = {
    stream: new Map<string, number>(),
    read: new Map<string, number>(),
    command: new Map<string, number>(),
  } as const;
  /** What was taken back lately, for connections that `authorize` let pass just before and that are watched only now. */
  readonly #recent: Revocations;

  /** @param listen Begins to hear of what other processes take back in a chat, until the function that it answers with is called. */
  constructor(
    { clock, reauthorizeMs, maxStreamsPerUser, emit }: LiveAccessOptions,
    listen: (chatId: string) => () => void,
  ) {
    this.#listen = listen;
    this.#maxPerUser = maxStreamsPerUser;
    this.#clock = clock;
    this.#reauthorizeMs = reauthorizeMs;
    this.#emit = emit;
    this.#recent = new Revocations(reauthorizeMs, () => clock.now());
  }

  /** How many connections of a chat are watched. */
  count(chatId: string): number {
    return this.#chats.get(chatId)?.size ?? 0;
  }

  /**
   * Watches a connection until it is forgotten.
   * @throws ChatTransportError `rate-limited` where the user has as many as a user may have.
   */
  watch(access: WatchedAccess): WatchedConnection {
    const { chatId } = access;
    const { countedAs, userId: enteredBy } = access;
    const leave = countedAs === 'nothing' ? () => {} : this.enter(enteredBy, countedAs);
    const watches = this.#chats.get(chatId) ?? new Set();
    this.#chats.set(chatId, watches);
    const watch: Watch = {
      access,
      endsAt: this.#clock.now() + maxStreamMs,
      timer: undefined,
      leave,
      unlisten: this.#listen(chatId),
    };
    watches.add(watch);
    this.#arm(watch);
    const { userId, askedAtMs, grantedAtMs } = access;
    const isOld = this.#clock.now() - grantedAtMs > grantHoldsMs;
    const mayBeOver = isOld || this.#recent.covers({ chatId, userId, may: [], issuedAtMs: askedAtMs });
    return { ready: mayBeOver ? this.#ask(watch) : undefined, forget: () => this.#forget(watch) };
  }

  /**
   * Ends the connections of a user, or of everybody, in a chat. Where the app names no users, it is asked about each connection; and
   * about all that are concerned where access was taken back before they were watched.
   */
  revoke(revocation: Revocation): void {
    const { chatId, userId, agoMs } = revocation;
    this.#recent.add(revocation);
    for (const watch of [...(this.#chats.get(chatId) ?? [])]) {
      if (agoMs !== undefined) {
        if (userId === undefined || watch.access.userId === undefined || watch.access.userId === userId)
          void this.#ask(watch);
      } else if (userId === undefined || watch.access.userId === userId) this.#end(watch);
      else if (watch.access.userId === undefined) void this.#ask(watch);
    }
  }

  #arm(watch: Watch): void {
    this.#clock.clearTimeout(watch.timer);
    watch.timer = this.#clock.setTimeout(() => {
      if (this.#clock.now() >= watch.endsAt) this.#end(watch);
      else {
        // Before the app is asked: it may never answer.
        this.#arm(watch);
        void this.#ask(watch);
      }
    }, this.#reauthorizeMs);
    (watch.timer as { unref?: () => void } | undefined)?.unref?.();
  }

  async #ask(watch: Watch): Promise<void> {
    try {
      await watch.access.ask();
    } catch (error) {
      if (refusesAccess(error)) return this.#end(watch);
      // The app could not say: it is asked again later.
      this.#emit({ type: 'request-failed', error });
    }
  }

  #end(watch: Watch): void {
    if (this.#forget(watch)) watch.access.onEnded();
  }

  #forget(watch: Watch): boolean {
    const { chatId } = watch.access;
    this.#clock.clearTimeout(watch.timer);
    const watches = this.#chats.get(chatId);
    const wasThere = watches?.delete(watch) ?? false;
    if (wasThere) {
      watch.unlisten();
      watch.leave();
    }
    if (watches?.size === 0) this.#chats.delete(chatId);
    return wasThere;
  }

  /**
   * Counts a request that stays open until the function that it answers with is called. Users whom the app does not name are not counted.
   * @throws ChatTransportError `rate-limited` where the user has as many as a user may have.
   */
  enter(userId: string | undefined, countedAs: Exclude<CountedAs, 'nothing'> = 'stream'): () => void {
    if (userId === undefined) return () => {};
    const open = this.#open[countedAs];
    const count = open.get(userId) ?? 0;
    if (count >= this.#maxPerUser) {
      const message = `This user has ${count} open ${countedAs}s, which is the limit (\`maxStreamsPerUser\`).`;
      throw new ChatTransportError({ code: 'rate-limited', message });
    }
    open.set(userId, count + 1);
    return () => {
      const left = (open.get(userId) ?? 1) - 1;
      if (left > 0) open.set(userId, left);
      else open.delete(userId);
    };
  }
}

interface Watch {
  readonly access: WatchedAccess;
  readonly endsAt: number;
  timer: unknown;
  /** The connection no longer counts toward what its user may have open. */
  readonly leave: () => void;
  readonly unlisten: () => void;
}
