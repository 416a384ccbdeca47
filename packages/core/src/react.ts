export type { ChatReport } from './client/chat-report.ts';
export { stopWaitMs } from './client/stop-answer.ts';
export { type SyncedChat, syncChat } from './client/sync-chat.ts';
export {
  keepChatMs,
  useRealtimeChat,
  type UseRealtimeChatHelpers,
  type UseRealtimeChatOptions,
} from './react/use-realtime-chat.ts';
