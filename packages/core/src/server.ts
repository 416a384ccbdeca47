export { ChatTransportError, type ErrorCode } from './errors.ts';
export type { RunKey, RunLog, RunRecord, RunCommand, CommandReceipt } from './log/run-log.ts';
export type { RealtimeServer } from './provider/realtime-server.ts';
export { allow, type Authorize, type AuthorizeResult, type ChatAction } from './server/http/authorize.ts';
export type { StartRequest } from './server/run/begin-run.ts';
export {
  type ChatHandler,
  type ChatHandlerOptions,
  createChatHandler,
  defaultHeartbeatMs,
  defaultMaxBodyBytes,
  defaultMaxUnnamedBodyBytes,
} from './server/http/create-chat-handler.ts';
export {
  type ChatRuntime,
  createChatRuntime,
  defaultSweepLimit,
  type StartedRun,
} from './server/create-chat-runtime.ts';
export {
  maxPublishesUnderWay,
  maxPublishWaitMs,
  maxWaitingInProcess,
  publishTimeoutMs,
} from './server/run/publisher.ts';
export { maxKeptLength } from './server/run/whole-runs.ts';
export type { ServerEvent } from './server/events.ts';
export { errorJson, errorResponse } from './server/http/http-errors.ts';
export { readNamedBody, type SendBodyLimits } from './server/http/named-body.ts';
export { maxStreamMs, type Revocation } from './server/http/live-access.ts';
export { readJsonBody } from './server/http/request-body.ts';
export { chatIdHeader } from './wire/routes.ts';
export type { ChatStateView } from './server/conversation/head.ts';
export {
  type ChatRuntimeOptions,
  defaultIdleMs,
  defaultMaxStreamsPerUser,
  defaultReauthorizeMs,
  defaultLeaseMs,
  defaultMaxContinuations,
  defaultTakeOverMs,
  defaultRenewEveryMs,
  type FinishInput,
  finishTimeoutMs,
  httpOnlyLimits,
  maxQueuedSends,
  type Continuation,
  type RespondInput,
  type RespondOutput,
} from './server/options.ts';
export { maxWaitMs } from './server/http/route-stream.ts';
export { toolClaimMs } from './server/http/route-command.ts';
export type { EndReason } from './wire/frame.ts';
export { unfinishedToolText } from './wire/unfinished-calls.ts';
