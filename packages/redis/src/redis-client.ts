/** What the log uses of node-redis: what `createClient` and `createCluster` of the `redis` package answer fits. */
export interface RedisLogClient {
  evalSha(sha: string, input: ScriptInput): Promise<unknown>;
  eval(script: string, input: ScriptInput): Promise<unknown>;
  /** Gives up a command that could not be sent in time; replies come as strings whatever the client maps them to. */
  withCommandOptions(options: {
    readonly timeout: number;
    readonly typeMapping: Record<never, never>;
  }): Pick<RedisLogClient, 'evalSha' | 'eval'>;
  /** Whether a single client has a connection that it takes for good. A cluster does not say. */
  readonly isReady?: boolean;
  /** Drops the connection; `connect` opens another one. */
  destroy(): unknown;
  connect(): Promise<unknown>;
  /** A second connection: one that listens can do nothing else. */
  duplicate(): RedisSubscription;
}

/** Keys and arguments of a script. */
export interface ScriptInput {
  readonly keys: string[];
  readonly arguments: string[];
}

/** What the log uses of the connection that listens. */
export interface RedisSubscription {
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener: () => void): Promise<unknown>;
  on(event: string, listener: (error?: unknown) => void): unknown;
  destroy(): unknown;
}
