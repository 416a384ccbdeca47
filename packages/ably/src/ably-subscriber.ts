import type { SubscriberContext } from '@chat-transport/core';
import { ChatTransportError, channelLife, onWakeUp, type RealtimeSubscriber } from '@chat-transport/core/provider';
import type { ChannelStateChange, ConnectionStateChange, InboundMessage, RealtimeChannel } from 'ably';
import { type AblyClient, type AblyClientOptions, ablyCredential } from './ably-credential.ts';
import { defaultChannelPrefix, frameEvent } from './channel-names.ts';

/** Options of `ablySubscriber`. */
export interface AblySubscriberOptions extends Pick<SubscriberContext, 'clock' | 'post'> {
  /**
   * Makes the client when the first chat is opened: it gets its tokens from `{api}/auth`, and is closed with the
   * transport. Or a client of yours: it brings its own credential for the chats' channels, and stays open.
   * @example (options) => new Ably.Realtime(options)
   */
  readonly client: AblyClient | ((options: AblyClientOptions) => AblyClient);
  /** In front of the chat's id; the server's `channelPrefix`. @default defaultChannelPrefix */
  readonly channelPrefix?: string | undefined;
  /**
   * After so long without a message core reads what may have been missed, in milliseconds. @default defaultCheckAfterMs
   */
  readonly checkAfterMs?: number | undefined;
}

/** The default of `checkAfterMs`: nobody hears of a message that the server failed to publish. */
export const defaultCheckAfterMs = 30_000;

/** The token is not for this channel. @source https://ably.com/docs/platform/errors/codes (read 2026-11-29) */
const notPermitted = 40160;

/** Subscriptions of one channel, which a client has once for all who ask for it. */
const users = new WeakMap<RealtimeChannel, number>();

/** Follows chats on channels of Ably. */
export function ablySubscriber(options: AblySubscriberOptions): RealtimeSubscriber {
  const { client: given, channelPrefix = defaultChannelPrefix, checkAfterMs = defaultCheckAfterMs, clock } = options;
  const own = typeof given === 'function' ? { ...ablyCredential(options), make: given } : undefined;
  let client = own ? undefined : (given as AblyClient);
  return {
    name: 'ably',
    carriesOwnAnswers: true,
    subscribe(chatId, listener, signal) {
      if (signal.aborted) return;
      client ??= own?.make(own.clientOptions) as AblyClient;
      const { channels, connection } = client;
      // Without parameters and modes: a channel that the app has attached with its own would refuse others.
      const channel = channels.get(channelPrefix + chatId, { attachOnSubscribe: false });
      const life = channelLife({ listener, clock, checkAfterMs, signal });
      const failed = (what: string, cause: { readonly code?: number } | undefined): void => {
        const code = cause?.code === notPermitted ? 'forbidden' : 'provider-failed';
        listener.onFailed(
          new ChatTransportError({ code, message: `${what} (${cause?.code ?? 'by the app'}).`, cause }),
        );
      };
      const enter = async (): Promise<void> => {
        try {
          if (own) await own.admit(chatId, client as AblyClient);
          else client?.connect();
          // Attached before it is admitted, a channel fails.
          if (!signal.aborted) await channel.attach();
        } catch (error) {
          if (signal.aborted || channel.state === 'attached') return;
          life.down(error, enter);
        }
      };
      const onChannel = ({ current, reason }: ChannelStateChange): void => {
        // An `update` of an attached channel says that messages were lost.
        if (current === 'attached') life.live();
        else if (current !== 'failed') life.down(reason);
        else if (own && !own.covers(chatId)) life.down(reason, enter);
        else failed('Ably refused the channel', reason);
      };
      const onConnection = ({ current, reason }: ConnectionStateChange): void => {
        // On a lost connection the channel itself stays attached.
        if (current === 'disconnected' || current === 'suspended') life.down(reason);
        // The next send, or the page's next wake-up, connects again.
        else if (current === 'failed' || current === 'closed') failed(`The connection to Ably is ${current}`, reason);
      };
      const onMessage = ({ data }: InboundMessage): void => life.heard(data);

      users.set(channel, (users.get(channel) ?? 0) + 1);
      channel.on(onChannel);
      connection.on(onConnection);
      void channel.subscribe(frameEvent, onMessage);
      const leave = [
        own?.open(chatId, (refusal) => listener.onFailed(refusal)),
        onWakeUp(() => {
          if (connection.state === 'disconnected' || connection.state === 'suspended') client?.connect();
        }),
      ];
      signal.addEventListener('abort', () => {
        for (const end of leave) end?.();
        channel.off(onChannel);
        connection.off(onConnection);
        channel.unsubscribe(frameEvent, onMessage);
        users.set(channel, (users.get(channel) ?? 1) - 1);
        void release(client as AblyClient, channel);
      });
      if (channel.state === 'attached') queueMicrotask(() => !signal.aborted && life.live());
      else void enter();
    },
    close() {
      if (own) client?.close();
    },
  };
}

/**
 * Gives back a channel that nobody uses. Not before it is detached: one that is used again while it detaches would stay
 * silent.
 */
async function release({ channels }: AblyClient, channel: RealtimeChannel): Promise<void> {
  const isUnused = (): boolean => users.get(channel) === 0;
  // It fails where the connection is closed or failed, and so is the channel.
  if (isUnused()) await channel.detach().catch(() => {});
  if (isUnused() && ['initialized', 'detached', 'failed'].includes(channel.state)) channels.release(channel.name);
}
