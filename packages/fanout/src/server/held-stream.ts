import type { ChatTokens, RealtimeHost } from '@chat-transport/core/provider';
import { Channel, GripInstruct } from '@fanoutio/grip';
import type { DeviceMessage } from '../wire.ts';
import { looseChannel, newestId } from './frame-ids.ts';

/** What the routes of held connections share. */
export interface HeldContext {
  readonly host: RealtimeHost;
  readonly tokens: ChatTokens;
  /** Tokens of connections that were opened: good for as long as one may last. */
  readonly sessions: ChatTokens;
  readonly sessionMs: number;
  readonly keepAliveMs: number;
  readonly linkTimeoutMs: number;
  channelName(chatId: string): string;
}

/**
 * Answers a held stream, and the proxy's own questions behind it: after a gap, and after a while without messages, the proxy asks the link what has
 * been missed. A device that has missed something reads it from the log.
 */
export async function heldStream(context: HeldContext, request: Request): Promise<Response> {
  const { host, tokens, sessions, channelName } = context;
  const query = new URL(request.url).searchParams;
  const linked = query.get('session');
  const grant = linked === null ? await tokens.verify(query.get('token')) : await sessions.verify(linked);
  if (!grant?.may.includes('read') || (linked === null && grant.chatId !== query.get('chat'))) {
    if (linked !== null) return events({ type: 'over' });
    return Response.json(
      { error: { code: 'unauthorized', message: await tokens.explain(query.get('token')) } },
      { status: 401 },
    );
  }
  const newest = newestId(await host.newest(grant.chatId));
  const channel = channelName(grant.chatId);
  const instruct = new GripInstruct([new Channel(channel, newest), new Channel(looseChannel(channel))]);
  instruct.setHoldStream();
  instruct.setKeepAlive(': alive\n\n', context.keepAliveMs / 1000);
  const session = linked ?? (await sessions.sign(grant));
  instruct.setNextLink(`${new URL(request.url).pathname}?session=${session}`, context.linkTimeoutMs / 1000);
  // What the proxy says it has passed on last. Where that is the newest message, nothing was missed.
  const last = /last-id=([^\s,]+)/.exec(request.headers.get('grip-last') ?? '')?.[1];
  const isComplete = linked !== null && last === newest;
  return events(isComplete ? undefined : { type: 'live' }, instruct.toHeaders());
}

function events(message: DeviceMessage | undefined, headers: Record<string, string> = {}): Response {
  return new Response(message ? `data: ${JSON.stringify(message)}\n\n` : '', {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'private, no-store, no-transform', ...headers },
  });
}
