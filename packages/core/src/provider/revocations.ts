import type { Revocation } from '../server/http/live-access.ts';
import type { ChatGrant } from './chat-tokens.ts';

/** What was taken back lately: a token that was signed before is refused, although it has not expired. */
export class Revocations {
  readonly #ttlMs: number;
  readonly #now: () => number;
  #recent: (TimedRevocation & { readonly atMs: number })[] = [];

  /** @param ttlMs How long a token is valid: older revocations are forgotten. */
  constructor(ttlMs: number, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** Answers what ends now: with `agoMs`, only what was given before that. */
  add({ agoMs, ...revocation }: Revocation): TimedRevocation {
    this.#prune();
    const timed = { ...revocation, atMs: this.#now() - (agoMs ?? 0) };
    this.#recent.push(timed);
    return agoMs === undefined ? revocation : timed;
  }

  /** Whether a grant was given before it was taken back. */
  covers(grant: ChatGrant): boolean {
    this.#prune();
    return this.#recent.some((revocation) => concerns(revocation, grant));
  }

  #prune(): void {
    const oldest = this.#now() - this.#ttlMs - pruneMarginMs;
    if (this.#recent.some(({ atMs }) => atMs < oldest))
      this.#recent = this.#recent.filter(({ atMs }) => atMs >= oldest);
  }
}

/** Whose access was taken back, by the process's own clock. */
export interface TimedRevocation {
  readonly chatId: string;
  readonly userId?: string | undefined;
  /** In milliseconds since 1970: grants that are newer stay. @default all end */
  readonly atMs?: number | undefined;
}

/** Tokens expire by full seconds. */
const pruneMarginMs = 1000;

/** Whether a revocation concerns a grant, which it does not if the grant is newer. One that names no user may be that user's. */
export function concerns({ chatId, userId, atMs }: TimedRevocation, grant: ChatGrant): boolean {
  if (chatId !== grant.chatId) return false;
  if (atMs !== undefined && (grant.issuedAtMs ?? 0) > atMs) return false;
  return userId === undefined || grant.userId === undefined || userId === grant.userId;
}
