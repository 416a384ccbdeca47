import { ChatTransportError, type ErrorCode } from '../errors.ts';
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

/** For answers that are not from our server: it names the code itself. */
const codeOfStatus: Record<number, ErrorCode> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  413: 'too-large',
  429: 'rate-limited',
};

/** The error of an answer that is not ok. */
export async function httpError(response: Response): Promise<HttpError> {
  // Not JSON, or not an object: an error page of something in front of our server.
  const { error, state }: ErrorBody = (await response.json().catch(() => {})) ?? {};
  const { status } = response;
  const { code = codeOfStatus[status] ?? 'provider-failed', message = `The server answered ${status}.` } = error ?? {};
  return Object.assign(new ChatTransportError({ code, message, ...(status >= 500 && { retryable: true }) }), {
    status,
    state,
  });
}
