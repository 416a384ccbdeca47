import type { Clock, SubscriberContext } from '@chat-transport/core';
import { type ChannelListener, ChatTransportError, type RealtimeSubscriber } from '@chat-transport/core/provider';
import type { ChannelStateChange, ConnectionStateChange, InboundMessage, RealtimeChannel } from 'ably';
import { type AblyClient, type AblyClientOptions, AblyCredential } from './ably-credential.ts';
import { defaultChannelPrefix, frameEvent } from './channel-names.ts';

export type { AblyClient, AblyClientOptions } from './ably-credential.ts';

/** Options of `ablySubscriber`. */
export interface AblySubscriberOptions {
  /**
   * Makes the client, when the first chat is opened: it gets its tokens from `{api}/auth`, and is closed with the transport. Or a client of
   * yours, which brings its own credential for the chats' channels, and stays open.
   * @example (options) => new Ably.Realtime(options)
   */
  readonly client: AblyClient | ((options: AblyClientOptions) => AblyClient);
  /** In front of the chat's id; the server's `channelPrefix`. @default defaultChannelPrefix */
  readonly channelPrefix?: string | undefined;
  /** After so long without a message core reads what may have been missed, in milliseconds. @default defaultCheckAfterMs */
  readonly checkAfterMs?: number | undefined;
  readonly clock: Clock;
  readonly post: SubscriberContext['post'];
}

/** The default of `checkAfterMs`: a message that the server could not publish is missed without a word. */
export const defaultCheckAfterMs = 30_000;

/** The longest wait before a subscription is tried again, in milliseconds; the first is at most 1 s. */
const maxBackoffMs = 30_000;

/** The capability of the token is not enough. @source https://ably.com/docs/platform/errors/codes (read 2026-11-29) */
const notPermitted = 40160;

/** Subscriptions of one channel, which a client has once for all who ask for it. */
const users = new WeakMap<RealtimeChannel, number>();

/** Follows chats on channels of Ably. */
export function ablySubscriber(options: AblySubscriberOptions): RealtimeSubscriber {
  const { client: given, channelPrefix = defaultChannelPrefix, post } = options;
  const credential = typeof given === 'function' ? new AblyCredential(post) : undefined;
  let client: AblyClient | undefined;
  return {
    name: 'ably',
    subscribe(chatId, listener, signal) {
      if (signal.aborted) return;
      try {
        client ??= typeof given === 'function' ? given((credential as AblyCredential).clientOptions) : given;
        follow({ ...options, client, credential, chatId, name: channelPrefix + chatId, listener, signal });
      } catch (cause) {
        listener.onFailed(failure('The Ably client does not work.', cause));
      }
    },
    close() {
      if (credential) client?.close();
    },
  };
}

interface Following {
  readonly client: AblyClient;
  readonly credential: AblyCredential | undefined;
  readonly chatId: string;
  readonly name: string;
  readonly listener: ChannelListener;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly checkAfterMs?: number | undefined;
}

function follow(options: Following): void {
  const { client, credential, chatId, name, listener, signal, clock, checkAfterMs = defaultCheckAfterMs } = options;
  const { connection } = client;
  let isLive: boolean | undefined;
  let failures = 0;
  let timer: unknown;

  /** What happens next if nothing does. */
  const after = (delayMs: number, act: () => void): void => {
    clock.clearTimeout(timer);
    if (!signal.aborted) timer = clock.setTimeout(act, delayMs);
  };
  const live = (): void => {
    failures = 0;
    isLive = true;
    after(checkAfterMs, check);
    listener.onLive();
  };
  const check = (): void => {
    if (globalThis.document?.hidden) after(checkAfterMs, check);
    else live();
  };
  const down = (reason: unknown): void => {
    clock.clearTimeout(timer);
    if (isLive === false) return;
    isLive = false;
    listener.onInterrupted(reason);
  };
  const enter = async (): Promise<void> => {
    try {
      if (credential) await credential.admit(chatId, client);
      else client.connect();
      if (!signal.aborted) await channel.attach();
    } catch (error) {
      if (signal.aborted || channel.state === 'attached') return;
      down(error);
      after(Math.min(maxBackoffMs, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2), enter);
    }
  };
  const onChannel = ({ current, resumed, reason }: ChannelStateChange): void => {
    if (current === 'attached') {
      // An update says that messages were lost, unless it says `resumed`.
      if (!isLive || !resumed) live();
    } else if (current !== 'failed') down(reason);
    else if (reason?.code === notPermitted && credential && failures === 0) credential.forget(chatId);
    else {
      const code = reason?.code === notPermitted ? 'forbidden' : 'provider-failed';
      listener.onFailed(failure(`Ably refused the channel (${reason?.code}).`, reason, code));
    }
  };
  const onConnection = ({ current, reason }: ConnectionStateChange): void => {
    if (current === 'disconnected' || current === 'suspended') down(reason);
    // Refused for good, or closed by the app. The next send, or the page's next sign of life, connects again.
    if (current === 'failed' || current === 'closed')
      listener.onFailed(failure(`The connection to Ably is ${current} (${reason?.code ?? 'by the app'}).`, reason));
  };
  const received = ({ data }: InboundMessage): void => {
    after(checkAfterMs, check);
    listener.onMessage(data);
  };
  const wake = (): void => {
    if (globalThis.document?.hidden) return;
    if (connection.state === 'disconnected' || connection.state === 'suspended') client.connect();
  };

  // No parameters and no modes: a channel that the app has attached with its own would refuse them.
  const channel = client.channels.get(name, { attachOnSubscribe: false });
  users.set(channel, (users.get(channel) ?? 0) + 1);
  const leave = credential?.use(chatId, (refusal) => listener.onFailed(refusal));
  channel.on(onChannel);
  connection.on(onConnection);
  void channel.subscribe(frameEvent, received);
  for (const type of ['online', 'pageshow', 'visibilitychange']) globalThis.addEventListener?.(type, wake, { signal });
  signal.addEventListener('abort', () => {
    clock.clearTimeout(timer);
    leave?.();
    channel.off(onChannel);
    connection.off(onConnection);
    channel.unsubscribe(frameEvent, received);
    users.set(channel, (users.get(channel) ?? 1) - 1);
    void release(client, channel);
  });
  if (channel.state === 'attached') queueMicrotask(() => !signal.aborted && live());
  else void enter();
}

/** Gives a channel back that nobody uses. Not before it is detached: released while it detaches, one that is used again would stay silent. */
async function release({ channels }: AblyClient, channel: RealtimeChannel): Promise<void> {
  const isUnused = (): boolean => users.get(channel) === 0;
  try {
    if (isUnused()) await channel.detach();
  } catch {
    // The connection is closed or failed, and so is the channel.
  }
  if (isUnused() && ['initialized', 'detached', 'failed'].includes(channel.state)) channels.release(channel.name);
}

function failure(
  message: string,
  cause: unknown,
  code: 'forbidden' | 'provider-failed' = 'provider-failed',
): ChatTransportError {
  return new ChatTransportError({ code, message, cause });
}
