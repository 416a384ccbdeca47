import type { Clock, SubscriberContext } from '@chat-transport/core';
import {
  type ChannelListener,
  ChatTransportError,
  channelLife,
  isRefusal,
  onWakeUp,
  type RealtimeSubscriber,
  type TokenSource,
  tokenSource,
} from '@chat-transport/core/provider';
import type { RealtimeChannel, SupabaseClient } from '@supabase/supabase-js';
import { defaultTopicPrefix, frameEvent } from './channel-topic.ts';

/** The parts of `SupabaseClient` that are used. */
export type SupabaseChatClient = Pick<SupabaseClient, 'channel' | 'removeChannel'> & {
  readonly realtime: Pick<SupabaseClient['realtime'], 'setAuth'>;
};

/** Options of `supabaseSubscriber`. */
export interface SupabaseSubscriberOptions {
  /** Your `SupabaseClient`. Your app may use it for anything else; the transport removes its own channels only. */
  readonly client: SupabaseChatClient;
  /**
   * Where the token of a subscription comes from. `session`: the client's own, of the user who is logged in. `server`: `POST {api}/auth`
   * answers a token for exactly one chat, for apps whose users do not log in with Supabase. @default 'session'
   */
  readonly tokenFrom?: 'session' | 'server' | undefined;
  /** Put in front of the chat's id to form the topic; the server has the same. @default defaultTopicPrefix */
  readonly topicPrefix?: string | undefined;
  /** After this time without a message, core reads what it may have missed. In milliseconds. @default defaultCheckAfterMs */
  readonly checkAfterMs?: number | undefined;
}

/** Default of `checkAfterMs`: Realtime drops the messages of a project above its limit without an error. */
export const defaultCheckAfterMs = 15_000;

/** One topic of one client, which all listeners of the page share: supabase-js has one channel for each topic. */
interface Follow {
  readonly listeners: Set<ChannelListener>;
  isLive: boolean;
  stop(): void;
}

const follows = new WeakMap<SupabaseChatClient, Map<string, Follow>>();

/** Follows chats on private channels of Supabase Realtime. */
export function supabaseSubscriber(
  options: SupabaseSubscriberOptions,
  context: Pick<SubscriberContext, 'post' | 'clock'>,
): RealtimeSubscriber {
  const { client, topicPrefix = defaultTopicPrefix, checkAfterMs = defaultCheckAfterMs, tokenFrom } = options;
  const chatToken = tokenFrom === 'server' ? tokenSource(context.post) : undefined;
  const topics = follows.get(client) ?? new Map<string, Follow>();
  follows.set(client, topics);
  return {
    name: 'supabase',
    subscribe(chatId, listener, signal) {
      if (signal.aborted) return;
      const topic = topicPrefix + chatId;
      const follow =
        topics.get(topic) ??
        startFollow({ client, topics, topic, chatId, checkAfterMs, chatToken, clock: context.clock });

      follow.listeners.add(listener);
      if (follow.isLive) queueMicrotask(() => follow.isLive && listener.onLive());
      signal.addEventListener('abort', () => {
        follow.listeners.delete(listener);
        if (follow.listeners.size === 0) follow.stop();
      });
    },
  };
}

interface FollowOptions {
  readonly client: SupabaseChatClient;
  /** The topics that are followed; this one is among them until it stops. */
  readonly topics: Map<string, Follow>;
  readonly topic: string;
  readonly chatId: string;
  readonly checkAfterMs: number;
  readonly chatToken: TokenSource | undefined;
  readonly clock: Clock;
}

/**
 * Joins the topic. Whatever ends the channel, it joins again, on a new channel and with a new token. supabase-js alone joins again after an error, but with
 * the token of its first join; and not at all once the channel is `CLOSED`.
 */
function startFollow({ client, topics, topic, chatId, checkAfterMs, chatToken, clock }: FollowOptions): Follow {
  const stopping = new AbortController();
  const { signal } = stopping;
  let channel: RealtimeChannel | undefined;
  let isWaiting = false;

  const tell = (what: (listener: ChannelListener) => void): void => {
    for (const listener of [...follow.listeners]) what(listener);
  };
  const all: ChannelListener = {
    onMessage: (data) => tell((listener) => listener.onMessage(data)),
    onLive: () => tell((listener) => listener.onLive()),
    onInterrupted: (reason) => tell((listener) => listener.onInterrupted(reason)),
    onFailed: (error) => tell((listener) => listener.onFailed(error)),
    onQueued: () => tell((listener) => listener.onQueued?.()),
  };
  const life = channelLife({ listener: all, clock, checkAfterMs, signal });

  const leave = (): void => {
    const left = channel;
    channel = undefined;
    follow.isLive = false;
    if (left) void client.removeChannel(left);
  };
  const down = (reason: unknown): void => {
    leave();
    isWaiting = true;
    life.down(reason, join);
  };
  const fail = (error: ChatTransportError): void => {
    follow.stop();
    all.onFailed(error);
  };
  const join = async (): Promise<void> => {
    // Both a wake-up and the retry that it came before call this.
    if (channel || !isWaiting) return;
    isWaiting = false;
    try {
      const token = await chatToken?.(chatId, signal, all.onQueued);
      // The client asks its session, which refreshes an expired token.
      if (!chatToken) await client.realtime.setAuth();
      if (!signal.aborted) open(token);
    } catch (error) {
      if (signal.aborted) return;
      if (isRefusal(error)) fail(error);
      else down(error);
    }
  };
  const open = (token: string | undefined): void => {
    const opened = client.channel(topic, { config: { private: true } });
    channel = opened;
    if (token !== undefined) {
      // `subscribe` joins with the client's token, which is the same for all its channels. This channel has one of its own.
      const update = opened.updateJoinPayload.bind(opened);
      opened.updateJoinPayload = (payload) => update({ ...payload, access_token: token });
    }
    opened
      .on('broadcast', { event: frameEvent }, ({ payload }: { readonly payload?: { readonly frame?: unknown } }) => {
        if (channel === opened && follow.isLive) life.heard(String(payload?.frame));
      })
      .subscribe((status, error) => {
        // A late event of a channel that was left.
        if (channel !== opened) return;
        if (status === 'SUBSCRIBED') {
          follow.isLive = true;
          return life.live();
        }
        if (!error?.message.startsWith('Unauthorized')) return down(error ?? status);
        const message = `Supabase refused the topic of chat ${chatId}: no policy lets this user read it.`;
        fail(new ChatTransportError({ code: 'forbidden', message, cause: error }));
      });
  };

  const follow: Follow = {
    listeners: new Set(),
    isLive: false,
    stop() {
      stopping.abort();
      stopWaking();
      leave();
      if (topics.get(topic) === follow) topics.delete(topic);
    },
  };
  const stopWaking = onWakeUp(() => void join());
  topics.set(topic, follow);
  isWaiting = true;
  void join();
  return follow;
}
