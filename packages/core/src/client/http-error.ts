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
  /** The wait that the server asked for (`Retry-After` in seconds), in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** Longest text of a foreign response that becomes an error's message, in UTF-16 units. */
const maxTextLength = 4096;

/**
 * The error of a response that is not ok. Where it is not our server's JSON, its message is the response's text, as in the AI SDK's own transport.
 */
export async function httpError(response: Response): Promise<HttpError> {
  const { status, headers } = response;
  const text = await response.text().catch(() => '');
  const { error, state } = parse(text);
  const refusal = error
    ? new ChatTransportError({ code: error.code, message: error.message, ...(status >= 500 && { retryable: true }) })
    : statusError(status, text.slice(0, maxTextLength) || `The chat server answered with status ${status}.`);
  const retryAfterMs = Number(headers.get('retry-after') ?? Number.NaN) * 1000;
  return Object.assign(refusal, { status, state, ...(retryAfterMs >= 0 && { retryAfterMs }) });
}

/** What our server says in an error response; nothing for other JSON and other text. */
function parse(text: string): ErrorBody {
  try {
    const body: ErrorBody = JSON.parse(text);
    if (typeof body.error?.code === 'string' && typeof body.error.message === 'string') return body;
  } catch {
    // An error page of something in front of our server.
  }
  return {};
}
