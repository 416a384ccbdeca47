import { ChatTransportError } from '../../errors.ts';
import { Refused } from './http-errors.ts';

/** What a request wants to do with a chat. */
export type ChatAction = 'read' | 'send' | 'command' | 'delete';

/** Decides whether a request may use a chat: `true` or the user's id, `false` (403), or a `Response` of its own. */
export type Authorize = (input: {
  readonly request: Request;
  readonly chatId: string;
  readonly action: ChatAction;
}) => AuthorizeResult | PromiseLike<AuthorizeResult>;

export type AuthorizeResult = boolean | { readonly userId: string } | Response;

/** Runs the app's `authorize`. @throws ChatTransportError `forbidden` or `unauthorized` when it refuses, and what it throws. */
export async function allow(
  authorize: Authorize,
  request: Request,
  chatId: string,
  action: ChatAction,
): Promise<{ readonly userId?: string }> {
  const result = await authorize({ request, chatId, action });
  if (result instanceof Response) throw new Refused(result);
  if (result === true) return {};
  if (typeof result === 'object' && result !== null && typeof result.userId === 'string')
    return { userId: result.userId };
  throw new ChatTransportError({ code: 'forbidden', message: refusals[action] });
}

/** What an app can show to a user whom `authorize` refuses. */
const refusals: Record<ChatAction, string> = {
  read: 'You do not have access to this chat.',
  send: 'You may not write in this chat.',
  command: 'You may not stop or steer answers in this chat.',
  delete: 'You may not delete this chat.',
};
