import { ChatTransportError } from '../../errors.ts';

/**
 * Reads a JSON object, and no byte more than `maxBytes`.
 * @throws ChatTransportError `unsupported-media-type`, `too-large`, `invalid-body`.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<Record<string, unknown>> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new ChatTransportError({
      code: 'unsupported-media-type',
      message: `The content type must be application/json; it is ${type || 'absent'}.`,
    });
  }
  const text = await readBodyText(request, maxBytes, tooLarge(maxBytes));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ChatTransportError({ code: 'invalid-body', message: 'The body is not JSON.', cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ChatTransportError({ code: 'invalid-body', message: 'The body must be a JSON object.' });
}

/**
 * Reads a body as text, and no byte more than `maxBytes`.
 * @throws ChatTransportError `too-large`.
 */
export async function readBodyText(
  request: Request,
  maxBytes: number,
  message = `The body is larger than ${maxBytes} bytes.`,
): Promise<string> {
  const refused = (): ChatTransportError => new ChatTransportError({ code: 'too-large', message });
  if (Number(request.headers.get('content-length')) > maxBytes) throw refused();
  if (!request.body) return '';
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

function tooLarge(maxBytes: number): string {
  return `The body is larger than maxBodyBytes (${maxBytes} bytes). Send files by URL, or only the new message.`;
}
