export { syncChat } from './client/sync-chat.ts';
export {
  keepChatMs,
  stopWaitMs,
  useRealtimeChat,
  type UseRealtimeChatHelpers,
  type UseRealtimeChatOptions,
} from './react/use-realtime-chat.ts';
