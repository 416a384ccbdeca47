/**
 * Runs one statement, in a transaction of its own, and answers its rows. Parameters and columns are text or null, so that no driver's type
 * parsers matter. Unnamed statements only, which every transaction pooler takes.
 */
export type PostgresQuery = (
  text: string,
  values: readonly (string | null)[],
) => PromiseLike<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Listens to one channel of notices on a direct connection (a pooler in transaction mode hears nothing). Calls `onNotice` with each payload and
 * `onLost` when notices may have been missed: the connection ended, or came back. The log then stops it and listens again. Resolves when it listens, with a
 * function that stops. `channel` is a plain lower-case name.
 */
export type PostgresListen = (
  channel: string,
  onNotice: (payload: string) => void,
  onLost: () => void,
) => PromiseLike<() => unknown>;
