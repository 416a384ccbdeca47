import { AISDKError } from '@ai-sdk/provider';

/** What went wrong, as one word to branch on. PROTOCOL.md section 8 says which HTTP status carries which code. */
export type ErrorCode =
  | 'invalid-body'
  | 'invalid-id'
  | 'invalid-message'
  | 'invalid-offset'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'busy'
  | 'stale'
  | 'history-needed'
  | 'run-conflict'
  | 'log-expired'
  | 'too-large'
  | 'unsupported-media-type'
  | 'rate-limited'
  | 'lost'
  | 'deadline'
  | 'network'
  | 'shutting-down'
  | 'provider-failed'
  | 'protocol'
  | 'misconfigured';

const name = 'AI_ChatTransportError';
const marker = `vercel.ai.error.${name}`;

/** The one error class of this project. Branch on `code`; the message is for people and never carries secrets or chat text. */
export class ChatTransportError extends AISDKError {
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;

  constructor(options: { code: ErrorCode; message: string; retryable?: boolean; cause?: unknown }) {
    super({ name, ...options });
    (this as unknown as Record<symbol, boolean>)[Symbol.for(marker)] = true;
    this.code = options.code;
    this.retryable = options.retryable ?? retryableCodes.includes(options.code);
  }

  static override isInstance(error: unknown): error is ChatTransportError {
    return AISDKError.hasMarker(error, marker);
  }
}

const retryableCodes: readonly ErrorCode[] = [
  'busy',
  'stale',
  'rate-limited',
  'network',
  'shutting-down',
  'provider-failed',
];
