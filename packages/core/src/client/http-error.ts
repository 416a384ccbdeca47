import { ChatTransportError, type ErrorCode } from '../errors.ts';

interface ErrorBody {
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** The chat's state, where the sender was behind it. */
  readonly state?: { readonly messages?: unknown[] };
}

/** An error answer of the server, with what it carries beside the error. */
export interface HttpError extends ChatTransportError {
  readonly status: number;
  readonly body: ErrorBody;
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
  const body: ErrorBody = (await response.json().catch(() => {})) ?? {};
  const {
    code = codeOfStatus[response.status] ?? 'provider-failed',
    message = `The server answered ${response.status}.`,
  } = body.error ?? {};
  const { status } = response;
  const error = new ChatTransportError({ code, message, ...(status >= 500 && { retryable: true }) });
  return Object.assign(error, { status, body });
}
