import { type ChatGrant, type CommandAnswer, type CommandMessage, commandAnswer } from '@chat-transport/core/provider';
import { encodeWebSocketEvents, getWebSocketContextFromReq, type WebSocketContext } from '@fanoutio/grip';
import type { DeviceMessage } from '../wire.ts';
import { controlChannel, otherChannel, userChannel } from './channels.ts';
import { type HeldContext, readGrant } from './held-context.ts';
import { deviceRequest } from './proxy-request.ts';

/** Why a socket is closed. */
export const closeCodes = { invalid: 1008, unauthorized: 4401, revoked: 4403, sessionOver: 4408 } as const;

/**
 * Answers one step of a WebSocket that the proxy holds: its opening, the client's messages, its end. Nothing of it stays in memory: what must be
 * known at the next step is a token that the proxy keeps with the connection and that only this server can sign.
 */
export async function heldSocket(context: HeldContext, request: Request): Promise<Response> {
  const socket = await getWebSocketContextFromReq(request);
  if (socket.isOpening()) await open(context, request, socket);
  else await step(context, request, socket);
  return new Response(encodeWebSocketEvents(socket.getOutgoingEvents()) as Uint8Array<ArrayBuffer>, {
    headers: {
      ...socket.toHeaders(),
      // The proxy asks once when the session is over, also of a client that sends nothing.
      'keep-alive-interval': String(Math.ceil(context.sessionMs / 1000)),
    },
  });
}

async function open(context: HeldContext, request: Request, socket: WebSocketContext): Promise<void> {
  const query = new URL(request.url).searchParams;
  const grant = await readGrant(context, context.tokens, query.get('token'), query.get('chat'));
  socket.accept();
  if (!grant) return socket.close(closeCodes.unauthorized);
  socket.meta.session = await context.sessions.sign(grant);
  const channel = context.channelName(grant.chatId);
  const besides = [otherChannel(channel), controlChannel(channel), userChannel(channel, grant.userId)];
  for (const each of [channel, ...besides]) socket.subscribe(each);
  const timeout = context.keepAliveMs / 1000;
  socket.sendControl(JSON.stringify({ type: 'keep-alive', timeout, content: text({ type: 'alive' }) }));
  socket.send(text({ type: 'live' }));
}

async function step(context: HeldContext, request: Request, socket: WebSocketContext): Promise<void> {
  const chatId = new URL(request.url).searchParams.get('chat');
  const grant = await readGrant(context, context.sessions, socket.meta.session, chatId);
  // The device comes back with a new token, where the app still lets it.
  if (!grant) return socket.close(closeCodes.sessionOver);
  while (socket.canRecv()) {
    let data: string | null;
    try {
      data = socket.recv();
    } catch {
      // The client is gone without a word.
      return;
    }
    if (data === null) return socket.close(socket.closeCode ?? 1000);
    const message = commandOf(data);
    if (!message) return socket.close(closeCodes.invalid);
    socket.send(text({ type: 'receipt', ref: message.ref, ...(await answer(context, request, grant, message)) }));
  }
}

async function answer(
  { host }: HeldContext,
  request: Request,
  grant: ChatGrant,
  { run, message }: CommandMessage,
): Promise<CommandAnswer> {
  if (!grant.may.includes('command')) return { error: notAllowed };
  const path = `${host.api}/${grant.chatId}/command`;
  return commandAnswer(await host.handle(deviceRequest(request, path, { ...message, runId: run })));
}

const notAllowed = { code: 'forbidden', message: 'This connection may not command runs of this chat.' } as const;

function commandOf(data: string): CommandMessage | undefined {
  try {
    const value = JSON.parse(data) as Partial<CommandMessage> | null;
    const isCommand = value?.type === 'command' && typeof value.ref === 'number' && typeof value.run === 'string';
    return isCommand && typeof value.message === 'object' ? (value as CommandMessage) : undefined;
  } catch {
    return undefined;
  }
}

function text(message: DeviceMessage): string {
  return JSON.stringify(message);
}
