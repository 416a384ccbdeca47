import type { ChatRuntime } from '../create-chat-runtime.ts';
import type { Engine } from '../engine.ts';
import type { QueuedSend, StartOutcome, StartRequest } from '../run/begin-run.ts';
import type { ChatAction } from './authorize.ts';
import type { SendBodyLimits } from './named-body.ts';

/** What the routes share. */
export interface HandlerContext extends SendBodyLimits {
  readonly engine: Engine;
  readonly api: string;
  readonly heartbeatMs: number;
  readonly allowDelete: boolean;
  readonly runtime: Pick<ChatRuntime, 'deleteChat'>;
  begin(request: StartRequest, queueWaitMs?: number): Promise<StartOutcome | QueuedSend>;
  /** Runs the app's `authorize`; throws when it refuses. */
  allow(request: Request, chatId: string, action: ChatAction): Promise<AllowedAccess>;
}

/** What `authorize` granted. */
export interface AllowedAccess {
  readonly userId?: string;
  /** When `authorize` was called, by the process's clock. */
  readonly askedAtMs: number;
  /** When it answered. */
  readonly grantedAtMs: number;
}
