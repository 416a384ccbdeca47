import { ChatTransportError, type ErrorCode } from '../../errors.ts';
import { isAccessRefusal } from '../../provider/refusal.ts';
import { privateCacheControl } from '../../wire/routes.ts';
import type { ServerEvent } from '../events.ts';

const statusOfCode: Record<ErrorCode, number> = {
  'invalid-body': 400,
  'invalid-id': 400,
  'invalid-message': 400,
  'invalid-offset': 400,
  protocol: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  busy: 409,
  stale: 409,
  'history-needed': 409,
  'log-expired': 410,
  'too-large': 413,
  'unsupported-media-type': 415,
  'run-conflict': 422,
  'rate-limited': 429,
  lost: 500,
  deadline: 500,
  network: 502,
  'shutting-down': 503,
  'provider-failed': 500,
  misconfigured: 500,
};

/** `authorize` answered a response of its own. */
export class Refused extends ChatTransportError {
  readonly response: Response;

  constructor(response: Response) {
    const code = response.status === 401 ? 'unauthorized' : 'forbidden';
    super({ code, message: 'You do not have access to this chat.' });
    this.response = response;
  }
}

/** The app's responses that mean "not this chat". Any other one is a failure, which may pass. */
const refusingStatuses: readonly number[] = [401, 403, 404];

/** Whether `authorize` has refused access, rather than failed to answer: of the app's own responses, those that mean "not this chat". */
export function refusesAccess(error: unknown): boolean {
  return error instanceof Refused ? refusingStatuses.includes(error.response.status) : isAccessRefusal(error);
}

/** A JSON answer that nothing may store. */
export function json(status: number, body: unknown, headers?: Record<string, string>): Response {
  return jsonText(status, JSON.stringify(body), headers);
}

/** The same, of JSON that is text already. */
export function jsonText(status: number, text: string, headers?: Record<string, string>): Response {
  return new Response(text, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': privateCacheControl, ...headers },
  });
}

/** An error answer of section 8. `extra` goes beside the error. */
export function errorJson(
  code: ErrorCode,
  message: string,
  extra?: object,
  options: { readonly status?: number; readonly headers?: Record<string, string> } = {},
): Response {
  return json(options.status ?? statusOfCode[code], { error: { code, message }, ...extra }, options.headers);
}

/** Answers an error of any kind. An error that is not ours goes to `emit` alone, because its text may hold secrets. */
export function errorResponse(error: unknown, emit: (event: ServerEvent) => void): Response {
  if (error instanceof Refused) return error.response;
  if (!ChatTransportError.isInstance(error)) {
    emit({ type: 'request-failed', error });
    return errorJson('provider-failed', 'The chat server could not handle this request. Try again later.');
  }
  if (statusOfCode[error.code] >= 500 && error.code !== 'shutting-down') emit({ type: 'request-failed', error });
  const isClosing = error.code === 'shutting-down';
  return errorJson(error.code, error.message, undefined, isClosing ? { headers: { 'retry-after': '1' } } : {});
}
