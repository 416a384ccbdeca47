import { type AllowChat, ChatTransportError } from '@chat-transport/core/provider';
import type { ChatTokens } from './chat-token.ts';
import { type BytesToText, parseJson } from './text.ts';

/**
 * Answers `POST {api}/auth` `{ chatId }` with `{ token }`: good for that chat alone, and for commands where the app allows this user to send them.
 * @throws ChatTransportError `invalid-body`, `too-large`, and what `allow` throws.
 */
export async function grantToken(request: Request, allow: AllowChat, tokens: ChatTokens): Promise<Response> {
  const chatId = await chatIdOf(request);
  await allow(chatId);
  const mayCommand = await allow(chatId, 'command').then(
    () => true,
    () => false,
  );
  const token = await tokens.sign({ chatId, mayCommand });
  return Response.json({ token }, { headers: { 'cache-control': 'no-store' } });
}

const maxBodyBytes = 4096;

async function chatIdOf(request: Request): Promise<string> {
  let text = '';
  for await (const part of request.body?.pipeThrough(new TextDecoderStream() as BytesToText) ?? []) {
    text += part;
    if (text.length <= maxBodyBytes) continue;
    throw new ChatTransportError({
      code: 'too-large',
      message: `The body is larger than ${maxBodyBytes} bytes; it needs a \`chatId\` only.`,
    });
  }
  const body = parseJson(text) as { chatId?: unknown } | null | undefined;
  if (typeof body?.chatId === 'string') return body.chatId;
  throw new ChatTransportError({ code: 'invalid-body', message: 'The body must be JSON with a string `chatId`.' });
}
