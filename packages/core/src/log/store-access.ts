import type { Decision, Facts, Need, StoredClaim } from './log-store.ts';
import { type LoggedRevocation, maxRevocationsPerChat, type RunLog, revocationTtlMs } from './run-log.ts';
import type { StoreContext } from './store-context.ts';

/** One revocation as it is stored. `at` is the log's clock, made larger where needed so that it grows with each one: it is the cursor too. */
interface StoredRevocation {
  readonly id: string;
  readonly userId?: string | undefined;
  readonly at: number;
}

/**
 * A chat's revocations are the owner of one claim, as JSON: so each store keeps them, announces them, forgets them when they are
 * over and erases them with their chat.
 */
export const revocationsClaim = 'revoked:';
const need: Need = { claim: revocationsClaim };

/** The calls by which processes learn that access was taken back. */
export function storeAccess({ transact, wait }: StoreContext): Pick<RunLog, 'revoke' | 'revocations'> {
  return {
    revoke: (chatId, revocation) => transact(chatId, need, (facts) => revoke(revocation, facts)),

    revocations: (chatId, { after, ...options } = {}) =>
      wait(
        { chatId, topic: 'changes' },
        () => need,
        ({ now, claim }, last) => {
          const known = revocationsOf(claim, now);
          const newer = known.filter(({ at }) => after === undefined || at > after);
          if (!last && after !== undefined && newer.length === 0) return { done: false };
          const cursor = Math.max(after ?? 0, known.at(-1)?.at ?? 0);
          return { done: true, value: { cursor, revoked: newer.map((revocation) => toLogged(revocation, now)) } };
        },
        options,
      ),
  };
}

function revoke(
  { id, userId }: { readonly id: string; readonly userId?: string | undefined },
  { now, claim }: Facts,
): Decision<void> {
  const known = revocationsOf(claim, now);
  if (known.some((other) => other.id === id)) return { answer: undefined };
  const at = Math.max(now, (known.at(-1)?.at ?? 0) + 1);
  // What concerns everybody covers all that was before.
  const isAll = userId === undefined || known.length >= maxRevocationsPerChat;
  const revoked: readonly StoredRevocation[] = isAll ? [{ id, at }] : [...known, { id, userId, at }];
  return {
    answer: undefined,
    changes: { claim: { name: revocationsClaim, owner: JSON.stringify(revoked), until: at + revocationTtlMs } },
  };
}

function revocationsOf(claim: StoredClaim | undefined, now: number): readonly StoredRevocation[] {
  if (!claim) return [];
  return (JSON.parse(claim.owner) as StoredRevocation[]).filter(({ at }) => at > now - revocationTtlMs);
}

/** What a chat's `revocationsClaim` says. */
export function loggedRevocations({ now, claim }: Pick<Facts, 'now' | 'claim'>): LoggedRevocation[] {
  return revocationsOf(claim, now).map((revocation) => toLogged(revocation, now));
}

function toLogged({ id, userId, at }: StoredRevocation, now: number): LoggedRevocation {
  return { id, ...(userId !== undefined && { userId }), agoMs: Math.max(0, now - at) };
}
