import type { Engine } from '../engine.ts';
import type { StartOutcome, StartRequest } from '../run/begin-run.ts';
import type { ChatAction } from './authorize.ts';

/** What the routes share. */
export interface HandlerContext {
  readonly engine: Engine;
  readonly api: string;
  readonly maxBodyBytes: number;
  readonly heartbeatMs: number;
  begin(request: StartRequest): Promise<StartOutcome>;
  /** Runs the app's `authorize`; throws when it refuses. */
  allow(request: Request, chatId: string, action: ChatAction): Promise<{ readonly userId?: string }>;
}
