import { RealtimeChatTransport, type RealtimeChatTransportOptions } from '@chat-transport/core';
import type { UIMessage } from 'ai';
import { type SupabaseSubscriberOptions, supabaseSubscriber } from './supabase-subscriber.ts';

/** Options of {@link SupabaseChatTransport}: core's, and the vendor's client. */
export interface SupabaseChatTransportOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends Omit<RealtimeChatTransportOptions<UI_MESSAGE>, 'subscriber'>,
    SupabaseSubscriberOptions {}

/** The chat transport over Supabase Realtime. */
export class SupabaseChatTransport<UI_MESSAGE extends UIMessage = UIMessage> extends RealtimeChatTransport<UI_MESSAGE> {
  constructor(options: SupabaseChatTransportOptions<UI_MESSAGE>) {
    super({ ...options, subscriber: (context) => supabaseSubscriber(options, context) });
  }
}
