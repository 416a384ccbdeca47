export { ChatTransportError, type ErrorCode } from './errors.ts';
export type { RunKey, RunLog, RunRecord, Signal, SignalReceipt } from './log/run-log.ts';
export type { RealtimeServer } from './provider/realtime-server.ts';
export { allow, type Authorize, type AuthorizeResult, type ChatAction } from './server/authorize.ts';
export type { StartRequest } from './server/begin-run.ts';
export {
  type ChatHandler,
  type ChatHandlerOptions,
  createChatHandler,
  defaultHeartbeatMs,
  defaultMaxBodyBytes,
} from './server/create-chat-handler.ts';
export {
  type ChatRuntime,
  createChatRuntime,
  defaultSweepLimit,
  type StartedRun,
} from './server/create-chat-runtime.ts';
export type { ServerEvent } from './server/events.ts';
export { errorJson, errorResponse } from './server/http-errors.ts';
export { readJsonBody } from './server/request-body.ts';
export type { ChatStateView } from './server/head.ts';
export {
  type ChatRuntimeOptions,
  defaultLeaseMs,
  defaultRenewEveryMs,
  type FinishInput,
  finishTimeoutMs,
  httpOnlyLimits,
  maxQueuedSends,
  type RespondInput,
  type RespondOutput,
} from './server/options.ts';
export { maxWaitMs } from './server/route-stream.ts';
export { toolClaimMs } from './server/route-signal.ts';
export type { EndReason } from './wire/frame.ts';
