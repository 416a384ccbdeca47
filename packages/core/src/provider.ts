export { backoffMs, type Clock, firstBackoffMs, maxBackoffMs, systemClock } from './clock.ts';
export { ChatTransportError, type ErrorCode } from './errors.ts';
export { idPattern, isId, parseId } from './ids.ts';
export { deletionFrame } from './log/deletion-frame.ts';
export { createLocalNotices, type LocalNotices } from './log/local-notices.ts';
export type * from './log/log-store.ts';
export { claimKind } from './log/log-store.ts';
export { type ChangeQueue, type OptimisticStore, optimistic, placePrefix, placeTtlMs } from './log/optimistic.ts';
export type * from './log/run-log.ts';
export {
  defaultRetentionMs,
  longestClaimMs,
  maxClaimsPerChat,
  maxOpenSteersLength,
  maxOpenSteersPerRun,
  maxReadLength,
  maxSteersPerRun,
  parkedCommandsPerChat,
  parkedCommandTtlMs,
  recentRuns,
} from './log/run-log.ts';
export { endOf, type RunEnd, type RunRow } from './log/run-row.ts';
export type { StoreLogOptions } from './log/store-context.ts';
export { loggedRevocations, revocationsClaim } from './log/store-access.ts';
export { createStoreLog } from './log/store-log.ts';
export type { Schedule } from './log/waiting.ts';
export { readSse, type SseHandler } from './client/sse-reader.ts';
export { type ChannelLife, channelLife } from './provider/channel-life.ts';
export {
  type ChatGrant,
  type ChatPermission,
  type ChatTokenOptions,
  type ChatTokens,
  createChatTokens,
  grantChatToken,
  minSecretBytes,
} from './provider/chat-tokens.ts';
export {
  type CommandAnswer,
  type CommandDesk,
  createCommandDesk,
  defaultCommandTimeoutMs,
} from './provider/command-desk.ts';
export {
  type CommandMessage,
  commandAnswer,
  deviceMessageMark,
  type ReceiptMessage,
} from './provider/command-message.ts';
export type * from './provider/realtime-server.ts';
export type * from './provider/realtime-subscriber.ts';
export { isRefusal, statusError } from './provider/refusal.ts';
export { type TokenSource, tokenSource } from './provider/token-source.ts';
export { onWakeUp } from './provider/wake-up.ts';
export { allowChats, maxChatsPerCredential } from './server/http/allow-chats.ts';
export type { Revocation } from './server/http/live-access.ts';
export { concerns, Revocations, type TimedRevocation } from './provider/revocations.ts';
export { maxWaitMs } from './server/http/route-stream.ts';
export { sseFrame, sseGroup } from './server/http/sse-text.ts';
export { readBodyText } from './server/http/request-body.ts';
export type * from './wire/frame.ts';
export { wireVersion } from './wire/frame.ts';
export { privateCacheControl, routeAddress } from './wire/routes.ts';
export { decodeFrame, encodeForLimit, encodeFrame } from './wire/frame-codec.ts';
