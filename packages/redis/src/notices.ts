import type { Notices } from '@chat-transport/core/provider';
import type { RedisSubscription } from './redis-client.ts';
import type { RedisKeys } from './redis-keys.ts';

/** How long a channel stays subscribed without a listener, in milliseconds: readers come back for each frame. */
const lingerMs = 5_000;

/** How often the listening connection is tested while somebody waits, in milliseconds. */
const pulseEveryMs = 3_000;
/** How long a pulse may take to come back, in milliseconds. */
const pulseTimeoutMs = 2_000;

/**
 * How the listening connection is tested: a notice to itself, which Redis sends it only over a connection that works.
 */
export interface Pulse {
  readonly channel: string;
  /** Answers 1 where Redis still has what the last pulse left there, and 1 where this one has left it. */
  send(): Promise<readonly [wasMarked: number, isMarked: number]>;
}

interface Channel {
  readonly listeners: Set<() => void>;
  /** What is subscribed: it wakes the listeners. */
  readonly hear: () => void;
  isLive: boolean;
  subscribing: Promise<unknown> | undefined;
  linger: ReturnType<typeof setTimeout> | undefined;
}

/** Notices from all processes, over one connection for all who wait. It is opened at the first subscription. */
export function createNotices(open: () => RedisSubscription, keys: RedisKeys, pulse: Pulse): Notices {
  const channels = new Map<string, Channel>();
  let connecting: Promise<RedisSubscription> | undefined;
  let connection: RedisSubscription | undefined;
  let isClosed = false;
  let beat: ReturnType<typeof setTimeout> | undefined;
  let heardAt = 0;
  let isMarked = false;

  const ringAll = (): void => {
    for (const { listeners } of channels.values()) for (const listener of listeners) listener();
  };

  const test = async (): Promise<void> => {
    const sentAt = performance.now();
    const marks = await pulse.send().catch(() => undefined);
    // Without Redis there is nothing to hear: the client reconnects by itself.
    if (!marks) return plan();
    // Redis was emptied, which it reports to nobody: all waiters look at what is left.
    if (isMarked && marks[0] === 0) ringAll();
    isMarked = marks[1] === 1;
    await new Promise((resolve) => {
      beat = setTimeout(resolve, pulseTimeoutMs);
      beat.unref();
    });
    if (isClosed) return;
    if (heardAt < sentAt) renew();
    plan();
  };
  const plan = (): void => {
    clearTimeout(beat);
    if (isClosed || channels.size === 0) return;
    beat = setTimeout(() => void test(), pulseEveryMs);
    beat.unref();
  };
  /** The connection is half-open: a new one subscribes to what somebody waits for. */
  const renew = (): void => {
    connection?.destroy();
    connecting = undefined;
    const names = [...channels].filter(([, { listeners }]) => listeners.size > 0).map(([name]) => name);
    for (const channel of channels.values()) {
      channel.isLive = false;
      channel.subscribing = undefined;
    }
    // The waiters look for what was announced meanwhile.
    Promise.all(names.map(subscribe)).then(ringAll, () => {});
  };

  const connect = async (): Promise<RedisSubscription> => {
    const opened = open();
    connection = opened;
    // Without a listener Node would end the process; the client comes back by itself.
    opened.on('error', () => {});
    // An attempt that was under way as the client was destroyed opens its socket all the same.
    opened.on('connect', () => isClosed && opened.destroy());
    await opened.connect();
    // Back after an interruption, with everything subscribed again: the waiters look for what was announced meanwhile.
    for (const event of ['ready', 'node-ready']) {
      opened.on(event, ringAll);
    }
    const heard = opened.subscribe(pulse.channel, () => {
      heardAt = performance.now();
    });
    // Where this user may not listen, each waiter tries again: the connection must not stay.
    await heard.catch((error: unknown) => {
      opened.destroy();
      throw error;
    });
    plan();
    return opened;
  };

  const find = (name: string): Channel => {
    const listeners = new Set<() => void>();
    const channel = channels.get(name) ?? {
      listeners,
      hear: () => {
        for (const listener of listeners) listener();
      },
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
      await redis.subscribe(name, channel.hear);
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
    // With its own listener: somebody may come back and subscribe before Redis has confirmed this.
    channel.subscribing?.then(() => connection?.unsubscribe(name, channel.hear)).catch(() => {});
  };

  return {
    listen(chatId, topic, wake) {
      const names = topic === 'frames' ? [keys.frames(chatId), keys.changes(chatId)] : [keys.changes(chatId)];
      for (const name of names) {
        const channel = find(name);
        clearTimeout(channel.linger);
        channel.listeners.add(wake);
      }
      const isLive = names.every((name) => channels.get(name)?.isLive);
      return {
        ...(!isLive && { live: Promise.all(names.map(subscribe)) }),
        stop() {
          for (const name of names) {
            const channel = find(name);
            channel.listeners.delete(wake);
            if (channel.listeners.size > 0) continue;
            clearTimeout(channel.linger);
            channel.linger = setTimeout(() => leave(name, channel), lingerMs);
            channel.linger.unref();
          }
        },
      };
    },
    close() {
      isClosed = true;
      clearTimeout(beat);
      for (const { linger } of channels.values()) clearTimeout(linger);
      channels.clear();
      connection?.destroy();
    },
  };
}
