import { ChatTransportError } from '../../errors.ts';

const readBefore =
  'If one was sent, something in front of the chat handler has read it: mount the handler before any body parser.';
/** How deep a body's JSON may be nested. Messages need about ten levels; what is deeper would overflow the stack of a validator. */
const maxJsonDepth = 256;
/** Up to which announced length a body is read as a whole, in bytes. */
const smallBodyBytes = 64 * 1024;

/**
 * Reads a JSON object, and no byte more than `maxBytes`. A large one is parsed behind `nextTurn`, and used behind another one.
 * @throws ChatTransportError `unsupported-media-type`, `too-large`, `invalid-body`.
 */
export async function readJsonBody(
  request: Request,
  maxBytes: number,
  message: string = tooLarge(maxBytes),
  nextTurn?: () => Promise<void>,
): Promise<Record<string, unknown>> {
  const type = contentTypeOf(request);
  if (type !== 'application/json') {
    throw new ChatTransportError({
      code: 'unsupported-media-type',
      message: `The content type must be application/json; it is ${type || 'absent'}.`,
    });
  }
  const text = await readBodyText(request, maxBytes, message);
  if (text === '') throw invalidBody(`The body is empty. ${readBefore}`);
  const pause = text.length > smallBodyBytes ? nextTurn : undefined;
  await pause?.();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidBody('The body is not JSON.', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidBody('The body must be a JSON object.');
  }
  if (!isWithinDepth(value, maxJsonDepth)) throw invalidBody(`The body is nested deeper than ${maxJsonDepth} levels.`);
  await pause?.();
  return value as Record<string, unknown>;
}

/**
 * Reads a body as text, and no byte more than `maxBytes`.
 * @throws ChatTransportError `too-large`; `invalid-body` where something in front of the handler has read the body already.
 */
export async function readBodyText(
  request: Request,
  maxBytes: number,
  message = `The body is larger than ${maxBytes} bytes.`,
): Promise<string> {
  if (request.bodyUsed) {
    throw invalidBody(readBefore);
  }
  const refused = (): ChatTransportError => new ChatTransportError({ code: 'too-large', message });
  if (Number(request.headers.get('content-length')) > maxBytes) throw refused();
  if (!request.body) return '';
  if (isSmall(request, maxBytes)) return request.text();
  const reader = request.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.byteLength;
    if (size > maxBytes) {
      reader.cancel().catch(() => {});
      throw refused();
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Whether a body is read faster as a whole. A server reads no more of it than the length that was announced, unless it unpacks it. */
function isSmall({ headers }: Request, maxBytes: number): boolean {
  const length = Number(headers.get('content-length') ?? Number.NaN);
  return length <= Math.min(maxBytes, smallBodyBytes) && !headers.has('content-encoding');
}

/** A request's content type, without parameters. */
function contentTypeOf(request: Request): string | undefined {
  return request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
}

function isWithinDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((nested) => isWithinDepth(nested, levels - 1));
}

function invalidBody(message: string, cause?: unknown): ChatTransportError {
  return new ChatTransportError({ code: 'invalid-body', message, cause });
}

function tooLarge(maxBytes: number): string {
  return `The message is too large: the chat server accepts ${maxBytes} bytes (maxBodyBytes). Send smaller files, or files by URL.`;
}
