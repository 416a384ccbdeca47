import { ChatTransportError, type ErrorCode } from '../errors.ts';

/** The code of an HTTP status, for responses that do not name a code: those of vendors, proxies and other servers. */
const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  413: 'too-large',
  429: 'rate-limited',
};

/**
 * The error for an HTTP status that a server, a proxy or a vendor answered. 401, 403, 404 and 413 have codes of their own and are final;
 * 429 is `rate-limited`. Every other status is `provider-failed`, which is retried from 500 on.
 */
export function statusError(status: number, message: string, cause?: unknown): ChatTransportError {
  const code = codeOfStatus[status] ?? 'provider-failed';
  return new ChatTransportError({
    code,
    message,
    retryable: status >= 500 || code === 'rate-limited',
    ...(cause !== undefined && { cause }),
  });
}

const accessCodes: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'invalid-id'];

/** Whether `error` says that this device may not use the chat, or that no chat has this id. It stays so until somebody acts. */
export function isAccessRefusal(error: unknown): error is ChatTransportError {
  return ChatTransportError.isInstance(error) && accessCodes.includes(error.code);
}

/**
 * Whether `error` is a refusal that the same request cannot change: a `ChatTransportError` that is not `retryable`.
 * A subscriber reports it by `onFailed`; every other error (the network, a vendor's outage, a throttled call) is retried with `backoffMs`.
 */
export function isRefusal(error: unknown): error is ChatTransportError {
  return ChatTransportError.isInstance(error) && !error.retryable;
}
