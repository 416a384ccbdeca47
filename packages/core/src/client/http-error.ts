import { ChatTransportError, type ErrorCode } from '../errors.ts';
import { statusError } from '../provider/refusal.ts';
import type { ChatSnapshot } from './chat-update.ts';

interface ErrorBody {
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** The chat's state, where the sender was behind it. */
  readonly state?: ChatSnapshot | undefined;
}

/** An error answer of the server, with what it carries beside the error. */
export interface HttpError extends ChatTransportError, Pick<ErrorBody, 'state'> {
  readonly status: number;
}

/** The error of an answer that is not ok. */
export async function httpError(response: Response): Promise<HttpError> {
  // Not JSON, or not an object: an error page of something in front of our server.
  const { error, state }: ErrorBody = (await response.json().catch(() => {})) ?? {};
  const { status } = response;
  const refusal = error
    ? new ChatTransportError({ code: error.code, message: error.message, ...(status >= 500 && { retryable: true }) })
    : statusError(status, `The server answered ${status}.`);
  return Object.assign(refusal, { status, state });
}
