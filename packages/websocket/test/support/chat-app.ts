import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { createChatHandler } from '@chat-transport/core/server';
import type { UIMessage, UIMessageChunk } from 'ai';
import { onTestFinished } from 'vitest';
import { type WebSocketServerOptions, websocketServer } from '../../src/server.ts';
import { serve, type TestApp } from './app.ts';

/** What the last message of a conversation asks the scripted model for, and what the model saw. */
export interface ChatApp extends TestApp {
  readonly log: RunLog;
  /** The signal of each model call. */
  readonly calls: AbortSignal[];
  readonly authorized: { action: string; chatId: string; request: Request }[];
  readonly finished: { outcome: string; text: string }[];
  /** Lets answers go on that wait after their second word. */
  release(): void;
}

/**
 * The real handler behind the socket server, with a model that answers `hold` texts with "Hello wait" and then waits, `tool` texts with a client
 * tool call, and others with the number of user messages.
 */
export async function serveChat(
  options: WebSocketServerOptions & { may?: (request: Request, action: string) => boolean } = {},
): Promise<ChatApp> {
  const { may = () => true, ...serverOptions } = options;
  const realtime = websocketServer(serverOptions);
  const log = memoryLog();
  const calls: AbortSignal[] = [];
  const authorized: ChatApp['authorized'] = [];
  const finished: ChatApp['finished'] = [];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handler = createChatHandler({
    realtime,
    log,
    authorize: ({ request, action, chatId }) => {
      authorized.push({ request, action, chatId });
      return may(request, action);
    },
    respond: ({ messages, signal }) => {
      calls.push(signal);
      return answer(messages, signal, held);
    },
    onFinish: ({ outcome, messages }) => {
      finished.push({ outcome, text: textOf(messages.at(-1)) });
    },
  });
  onTestFinished(() => {
    release();
    return log.close();
  });
  return { ...(await serve(realtime, handler)), log, calls, authorized, finished, release };
}

async function* answer(
  messages: UIMessage[],
  signal: AbortSignal,
  held: Promise<void>,
): AsyncGenerator<UIMessageChunk> {
  const last = messages.at(-1);
  const text = textOf(last);
  yield { type: 'start' };
  yield { type: 'start-step' };
  if (text === 'tool') {
    yield { type: 'tool-input-available', toolCallId: 'call', toolName: 'clock', input: {} };
    yield { type: 'finish-step' };
    yield { type: 'finish' };
    return;
  }
  yield { type: 'text-start', id: 't' };
  if (text === 'hold') {
    yield { type: 'text-delta', id: 't', delta: 'Hello ' };
    yield { type: 'text-delta', id: 't', delta: 'wait ' };
    await Promise.race([held, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
  }
  const tool = last?.parts.find((part) => part.type === 'tool-clock');
  const users = messages.filter(({ role }) => role === 'user').length;
  yield {
    type: 'text-delta',
    id: 't',
    delta: tool && 'output' in tool ? `tool said ${tool.output}` : `answer ${users}`,
  };
  yield { type: 'text-end', id: 't' };
  yield { type: 'finish-step' };
  yield { type: 'finish' };
}

function textOf(message: UIMessage | undefined): string {
  return (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');
}
