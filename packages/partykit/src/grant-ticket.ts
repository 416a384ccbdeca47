import type { AllowChat } from '@chat-transport/core/provider';
import { readJsonBody } from '@chat-transport/core/server';
import { signTicket } from './ticket.ts';

/** Largest body of `POST {api}/auth`, in bytes: it holds a `chatId`. */
const maxBodyBytes = 4096;

/**
 * Answers `POST {api}/auth` `{ chatId }` with `{ ticket }`: opens that chat's socket, and commands over it where the app allows that.
 * @throws ChatTransportError `invalid-body`, `too-large`, `unsupported-media-type`, and what `allow` throws.
 */
export async function grantTicket(request: Request, allow: AllowChat, key: Uint8Array): Promise<Response> {
  const chatId = String((await readJsonBody(request, maxBodyBytes)).chatId ?? '');
  await allow(chatId);
  const mayCommand = await allow(chatId, 'command').then(
    () => true,
    () => false,
  );
  const ticket = await signTicket(key, { chatId, may: mayCommand ? ['read', 'command'] : ['read'] });
  return Response.json({ ticket }, { headers: { 'cache-control': 'no-store' } });
}
