/** The waits of a transport, in milliseconds. */
export interface Timings {
  /** How long a new subscription may take before HTTP takes over. */
  readonly graceMs: number;
  /** How long offsets may be missing before they are read from the log. */
  readonly gapMs: number;
  /** How long a response may stay without its first byte before it counts as held back by a proxy. */
  readonly firstByteMs: number;
  /** How long a path may be silent, heartbeats included, before it counts as dead: two heartbeats of the server and a half. */
  readonly stallMs: number;
  /**
   * How long a run may be silent on realtime before the log is asked whether the service has lost something. Twice as long after each read
   * that found nothing, up to `silenceMs`. What it finds is followed over HTTP until the service delivers again.
   */
  readonly quietMs: number;
  /**
   * The longest silence of a run before the log is asked: a dead server sends no end. Three times as long where the log was asked ten times
   * and had nothing.
   */
  readonly silenceMs: number;
  /** How long one long-poll waits. */
  readonly pollMs: number;
  /** How long a run may be without any path before its stream fails as a disconnect that the AI SDK may resume. */
  readonly giveUpAfterMs: number;
  /** How long a channel stays subscribed when nobody uses it. */
  readonly lingerMs: number;
  /** How long a POST may stay without an answer before it is repeated. The same `runId` makes it the same run. */
  readonly sendMs: number;
}

/** The defaults of `timings`. */
export const defaultTimings: Timings = {
  graceMs: 1000,
  gapMs: 150,
  firstByteMs: 5000,
  stallMs: 25_000,
  quietMs: 1000,
  silenceMs: 10_000,
  pollMs: 25_000,
  giveUpAfterMs: 120_000,
  lingerMs: 30_000,
  sendMs: 20_000,
};
