import type { Revocation } from '../server/http/live-access.ts';
import type { ChatGrant } from './chat-tokens.ts';

/** What was taken back lately: a token that was signed before is refused, although it has not expired. */
export class Revocations {
  readonly #ttlMs: number;
  readonly #now: () => number;
  #recent: (Revocation & { readonly atMs: number })[] = [];

  /** @param ttlMs How long a token is valid: older revocations are forgotten. */
  constructor(ttlMs: number, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  add(revocation: Revocation): void {
    this.#prune();
    this.#recent.push({ ...revocation, atMs: this.#now() });
  }

  /** Whether a grant was given before it was taken back. */
  covers(grant: ChatGrant): boolean {
    this.#prune();
    return this.#recent.some((revocation) => concerns(revocation, grant) && (grant.issuedAtMs ?? 0) <= revocation.atMs);
  }

  #prune(): void {
    const oldest = this.#now() - this.#ttlMs - pruneMarginMs;
    if (this.#recent.some(({ atMs }) => atMs < oldest))
      this.#recent = this.#recent.filter(({ atMs }) => atMs >= oldest);
  }
}

/** Tokens expire by full seconds. */
const pruneMarginMs = 1000;

/** Whether a revocation concerns a grant. One that names no user may be that user's. */
export function concerns({ chatId, userId }: Revocation, grant: ChatGrant): boolean {
  if (chatId !== grant.chatId) return false;
  return userId === undefined || grant.userId === undefined || userId === grant.userId;
}
