export { SupabaseChatTransport, type SupabaseChatTransportOptions } from './supabase-chat-transport.ts';
export {
  defaultCheckAfterMs,
  type SupabaseChatClient,
  type SupabaseSubscriberOptions,
  supabaseSubscriber,
} from './supabase-subscriber.ts';
export { defaultTopicPrefix } from './channel-topic.ts';
