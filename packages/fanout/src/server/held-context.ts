import type { ChatGrant, ChatTokens, RealtimeHost, Revocations } from '@chat-transport/core/provider';
import type { PublishedPositions } from './published-positions.ts';

/** What the routes of held connections share. */
export interface HeldContext {
  readonly host: RealtimeHost;
  readonly tokens: ChatTokens;
  /** Tokens of connections that were opened: good for as long as one may last. The proxy keeps them. */
  readonly sessions: ChatTokens;
  readonly revocations: Revocations;
  readonly published: PublishedPositions;
  readonly sessionMs: number;
  readonly keepAliveMs: number;
  readonly linkTimeoutMs: number;
  channelName(chatId: string): string;
}

/** The grant of a token that may read `chatId`, where it is still good. */
export async function readGrant(
  { revocations }: HeldContext,
  tokens: ChatTokens,
  token: string | null | undefined,
  chatId: string | null,
): Promise<ChatGrant | undefined> {
  const grant = await tokens.verify(token);
  if (!grant?.may.includes('read') || grant.chatId !== chatId || revocations.covers(grant)) return undefined;
  return grant;
}
