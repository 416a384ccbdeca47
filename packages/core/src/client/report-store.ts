import type { ChatReport } from './chat-report.ts';
import type { Connection, ConnectionStore } from './chat-update.ts';
import { each } from './each.ts';
import { type ChatLedger, readError } from './ledger/chat-ledger.ts';
import type { Plan } from './path-plan.ts';

/** The connection that follows from a plan; the same object where nothing has changed. */
export function connectionOf(
  old: Connection,
  { state, path }: Pick<Plan, 'state' | 'path'>,
  ledger: ChatLedger,
  retry: () => void,
): Connection {
  const error = readError(ledger);
  if (!error) return state === old.state && path === old.path ? old : { state, path };
  return old.state === 'refused' && old.error === error ? old : { state: 'refused', path: null, error, retry };
}

/** The report of a chat before anything is known of it. */
export const emptyReport: ChatReport = { connection: { state: 'idle', path: null }, unsent: [], outcomes: {} };

/** What the app shows of a chat beside its messages, in the form that React's `useSyncExternalStore` takes. */
export class ReportStore implements ConnectionStore {
  readonly #listeners = new Set<() => void>();
  #report = emptyReport;

  /** Whether nobody listens. */
  get isUnused(): boolean {
    return this.#listeners.size === 0;
  }

  getSnapshot: () => Connection = () => this.#report.connection;

  /** The same object while nothing of it has changed. */
  getReport: () => ChatReport = () => this.#report;

  subscribe: (onChange: () => void) => () => void = (onChange) => {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  };

  /** Takes over what is known; the listeners are called where that, or something else that they look at, has changed. */
  update(connection: Connection, { outbox: unsent, server: { outcomes } }: ChatLedger, isOther = false): void {
    const old = this.#report;
    const isSame = old.connection === connection && old.unsent === unsent && old.outcomes === outcomes;
    if (!isSame) this.#report = { connection, unsent, outcomes };
    if (!isSame || isOther) each(this.#listeners, (listener) => listener());
  }
}
