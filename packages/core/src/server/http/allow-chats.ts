import { ChatTransportError } from '../../errors.ts';
import type { AllowChat } from '../../provider/realtime-server.ts';
import { refusesAccess } from './http-errors.ts';
import { readJsonBody } from './request-body.ts';

/** How many chats one credential request may list. */
export const maxChatsPerCredential = 32;

/** Largest body of a credential request, in bytes: the longest ids, and room for JSON. */
const maxBodyBytes = 8192;

/**
 * Reads a credential request that lists chats (`{ "chatIds": […] }`), and returns those that the app's `authorize` allows. A chat that is
 * refused, or whose id is invalid, is left out, and does not fail the others.
 * @throws ChatTransportError `invalid-body`, `too-large`, `unsupported-media-type`; the first refusal where every chat is refused; and what
 * `authorize` throws.
 */
export async function allowChats(request: Request, allow: AllowChat): Promise<readonly string[]> {
  const chatIds = await chatIdsOf(request);
  const refusals = await Promise.all(chatIds.map((chatId) => refusalOf(chatId, allow)));
  const allowed = chatIds.filter((_chatId, index) => !refusals[index]);
  if (allowed.length === 0) throw refusals[0];
  return allowed;
}

async function chatIdsOf(request: Request): Promise<readonly string[]> {
  const { chatIds } = await readJsonBody(request, maxBodyBytes);
  const isList = Array.isArray(chatIds) && chatIds.every((each) => typeof each === 'string');
  if (isList && chatIds.length > 0 && chatIds.length <= maxChatsPerCredential) return [...new Set<string>(chatIds)];
  throw new ChatTransportError({
    code: 'invalid-body',
    message: `\`chatIds\` must list 1 to ${maxChatsPerCredential} chats.`,
  });
}

async function refusalOf(chatId: string, allow: AllowChat): Promise<unknown> {
  try {
    await allow(chatId);
    return undefined;
  } catch (error) {
    // An id that no chat can have is refused for that chat alone, too.
    if (refusesAccess(error)) return error;
    throw error;
  }
}
