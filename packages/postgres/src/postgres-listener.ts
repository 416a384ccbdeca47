import { backoffMs } from '@chat-transport/core/provider';
import type { PostgresListen } from './postgres-client.ts';

/** The channel of Postgres' notices. */
export const noticeChannel = 'chat_transport';
/** How long a connection may be silent while somebody waits for notices, and then how long the answer to a probe may take, in milliseconds. */
export const silenceMs = 5_000;
/** How long it may take to open a connection, and to close one, in milliseconds: on a network that is gone, neither ends. */
export const openMs = 15_000;
/** The payload of a notice that a process sends to find out whether notices reach it. */
const probe = 'p';

/** What a listener needs. */
export interface PostgresListenerOptions {
  readonly listen: PostgresListen;
  /** Sends a notice to every process that listens, and so to this one. */
  readonly notify: (payload: string) => PromiseLike<unknown>;
  /** Whether somebody waits for notices. */
  readonly isNeeded: () => boolean;
  readonly onNotice: (payload: string) => void;
  /** Notices begin to arrive: what happened until now was not heard. Or they no longer arrive. */
  readonly onChange: (isHeard: boolean) => void;
}

/** Listens until it is closed, over one connection at a time. */
export interface PostgresListener {
  /** Somebody waits from now on: find out whether notices arrive. */
  check(): void;
  close(): Promise<void>;
}

interface Connection {
  /** Absent until it listens. */
  stop?: () => unknown;
  /** Whether a notice has arrived over it. */
  isHeard: boolean;
}

/**
 * Listens, and opens another connection when one ends or goes silent. A connection can be dead without an end: its network is gone (half-open), or it
 * leads to a pooler, which takes LISTEN and passes no notice on. So while somebody waits, silence is followed by a probe, and a probe that does not
 * arrive by another connection.
 */
export function keepListening({
  listen,
  notify,
  isNeeded,
  onNotice,
  onChange,
}: PostgresListenerOptions): PostgresListener {
  let connection: Connection | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  const clearTimer = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const after = (delayMs: number, act: () => void): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      act();
    }, delayMs);
  };
  const open = async (): Promise<void> => {
    const opened: Connection = { isHeard: false };
    connection = opened;
    after(openMs, () => lose(opened));
    try {
      const stop = await listen(
        noticeChannel,
        (payload) => heard(opened, payload),
        () => lose(opened),
      );
      // It was lost, or the listener closed, while it opened.
      if (connection !== opened) return void end(stop);
      opened.stop = stop;
      // Where a notice has come already, its timer runs.
      if (!opened.isHeard) clearTimer();
      check();
    } catch {
      lose(opened);
    }
  };
  const heard = (over: Connection, payload: string): void => {
    if (connection !== over) return;
    if (payload !== probe) onNotice(payload);
    after(silenceMs, ask);
    if (over.isHeard) return;
    over.isHeard = true;
    failures = 0;
    onChange(true);
  };
  const check = (): void => {
    if (!connection?.stop || timer !== undefined) return;
    if (connection.isHeard) after(silenceMs, ask);
    else ask();
  };
  const ask = (): void => {
    const asked = connection;
    if (!asked || !isNeeded()) return;
    after(silenceMs, () => lose(asked));
    notify(probe).then(null, () => {});
  };
  const lose = (lost: Connection): void => {
    if (connection !== lost) return;
    connection = undefined;
    // A client that connects again by itself would otherwise listen twice.
    void end(lost.stop);
    after(backoffMs(failures++), () => void open());
    onChange(false);
  };

  void open();
  return {
    check,
    async close() {
      const stop = connection?.stop;
      connection = undefined;
      clearTimer();
      const isLate = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, openMs);
      });
      await Promise.race([end(stop), isLate]);
      clearTimer();
    },
  };
}

/** A connection that is lost may not end properly. */
async function end(stop: Connection['stop']): Promise<void> {
  try {
    await stop?.();
  } catch {}
}
