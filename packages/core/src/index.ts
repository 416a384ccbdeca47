export {
  type AnswerChunk,
  RealtimeChatTransport,
  type RealtimeChatTransportOptions,
  type SubscriberContext,
} from './client/realtime-chat-transport.ts';
export type { ChatSnapshot, ChatUpdate, Connection, ConnectionStore, TransportEvent } from './client/chat-update.ts';
export { defaultTimings, type Timings } from './client/timings.ts';
export { type Clock, systemClock } from './clock.ts';
export type { HttpOptions } from './client/http-client.ts';
export { ChatTransportError, type ErrorCode } from './errors.ts';
export type { RealtimeSubscriber, ChannelListener } from './provider/realtime-subscriber.ts';
export { wakeUp } from './provider/wake-up.ts';
export type { EndReason, RunStart } from './wire/frame.ts';
export type { CommandReceipt } from './log/run-log.ts';
export { stopWaitMs } from './client/stop-answer.ts';
export { type SyncedChat, syncChat } from './client/sync-chat.ts';
export type { SyncableChat } from './client/syncable-chat.ts';
export type { ChatReport } from './client/chat-report.ts';
export { maxRefused, type OwnSend, type SendKind } from './client/ledger/outbox.ts';
