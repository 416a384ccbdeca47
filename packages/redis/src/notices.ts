import type { RedisSubscription } from './redis-client.ts';

/** How long a channel stays subscribed without a listener, in milliseconds: readers come back for each frame. */
const lingerMs = 5_000;

/** Notices from other processes, over one connection for all who wait. */
export interface Notices {
  /** Whether every notice on these channels arrives by now. */
  hears(channels: readonly string[]): boolean;
  /** Subscribes. Resolves when every notice from here on arrives; may never do so while Redis is away. */
  subscribe(channels: readonly string[]): Promise<unknown>;
  /** Calls `listener` at each notice, until the returned function is called. */
  listen(channels: readonly string[], listener: Listener): () => void;
  close(): void;
}

/** `run` is the run that the notice is about; nothing when notices may have been lost. */
export type Listener = (run?: string) => void;

interface Channel {
  readonly listeners: Set<Listener>;
  isLive: boolean;
  subscribing: Promise<unknown> | undefined;
  linger: ReturnType<typeof setTimeout> | undefined;
}

/** Opens the connection at the first subscription. */
export function createNotices(open: () => RedisSubscription): Notices {
  const channels = new Map<string, Channel>();
  let connecting: Promise<RedisSubscription> | undefined;
  let connection: RedisSubscription | undefined;
  let isClosed = false;

  const connect = async (): Promise<RedisSubscription> => {
    const opened = open();
    connection = opened;
    // Without a listener Node would end the process; the client comes back by itself.
    opened.on('error', () => {});
    // An attempt that was under way as the client was destroyed opens its socket all the same.
    opened.on('connect', () => isClosed && opened.destroy());
    await opened.connect();
    // Back after an interruption, with everything subscribed again: what was told meanwhile has to be looked for.
    for (const event of ['ready', 'node-ready']) {
      opened.on(event, () => {
        for (const { listeners } of channels.values()) for (const listener of listeners) listener();
      });
    }
    return opened;
  };

  const find = (name: string): Channel => {
    const channel = channels.get(name) ?? {
      listeners: new Set(),
      isLive: false,
      subscribing: undefined,
      linger: undefined,
    };
    channels.set(name, channel);
    return channel;
  };

  const subscribe = async (name: string): Promise<void> => {
    const channel = find(name);
    channel.subscribing ??= (async () => {
      connecting ??= connect().catch((error) => {
        connecting = undefined;
        throw error;
      });
      const redis = await connecting;
      await redis.subscribe(name, (run) => {
        for (const listener of channel.listeners) listener(run);
      });
      channel.isLive = true;
    })();
    try {
      await channel.subscribing;
    } catch (error) {
      channel.subscribing = undefined;
      throw error;
    }
  };

  const leave = (name: string, channel: Channel): void => {
    channels.delete(name);
    if (channel.subscribing) connection?.unsubscribe(name).catch(() => {});
  };

  return {
    hears: (names) => names.every((name) => channels.get(name)?.isLive),
    subscribe: (names) => Promise.all(names.map(subscribe)),
    listen(names, listener) {
      for (const name of names) {
        const channel = find(name);
        clearTimeout(channel.linger);
        channel.listeners.add(listener);
      }
      return () => {
        for (const name of names) {
          const channel = find(name);
          channel.listeners.delete(listener);
          if (channel.listeners.size > 0) continue;
          clearTimeout(channel.linger);
          channel.linger = setTimeout(() => leave(name, channel), lingerMs);
          channel.linger.unref();
        }
      };
    },
    close() {
      isClosed = true;
      for (const { linger } of channels.values()) clearTimeout(linger);
      channels.clear();
      connection?.destroy();
    },
  };
}
