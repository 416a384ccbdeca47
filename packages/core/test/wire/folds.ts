import { Chat } from '@ai-sdk/react';
import { type ChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';

function streamOf(chunks: readonly UIMessageChunk[]): ReadableStream<UIMessageChunk> {
  // Copies: the AI SDK's fold changes data chunks.
  return new ReadableStream({
    start(controller) {
      for (const chunk of structuredClone(chunks)) controller.enqueue(chunk);
      controller.close();
    },
  });
}

/** The message that `readUIMessageStream` ends with; what it had when it met an error or a chunk that it refuses. */
export async function sdkFold(chunks: readonly UIMessageChunk[], message?: UIMessage): Promise<UIMessage | undefined> {
  let last = message;
  const original = structuredClone(message);
  const stream = readUIMessageStream({
    stream: streamOf(chunks),
    terminateOnError: true,
    ...(original ? { message: original } : {}),
  });
  try {
    for await (const next of stream) last = next;
  } catch {
    // Kept as far as it got.
  }
  return last;
}

export interface Resumed {
  readonly message: UIMessage | undefined;
  /** The ids of the calls for which `onToolCall` ran. */
  readonly calls: readonly string[];
  readonly failed: boolean;
}

/** What a page shows that resumes: the stock chat, reading `chunks` from `reconnectToStream`. */
export async function chatFold(chunks: readonly UIMessageChunk[], messages: UIMessage[] = []): Promise<Resumed> {
  const calls: string[] = [];
  const transport: ChatTransport<UIMessage> = {
    resumeStreamIsReplay: true,
    sendMessages: () => Promise.reject(new Error('not used')),
    reconnectToStream: () => Promise.resolve(streamOf(chunks)),
  };
  const chat = new Chat<UIMessage>({
    messages: structuredClone(messages),
    transport,
    onToolCall: ({ toolCall }) => void calls.push(toolCall.toolCallId),
    onError: () => {},
  });
  await chat.resumeStream();
  const message = chat.messages.findLast((candidate) => candidate.role === 'assistant');
  return { message, calls, failed: chat.status === 'error' };
}

/** Where a compacted replay leaves `rawInput`, which nothing reads: no chunk that the AI SDK's schema takes could remove it. */
const withRawInput: readonly unknown[] = ['approval-requested', 'approval-responded', 'output-denied'];

/** JSON with sorted keys: what a message is when it is stored, and which keys it has. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, object: unknown) => {
    if (typeof object !== 'object' || object === null || Array.isArray(object)) return object;
    const { rawInput, ...rest } = object as { state?: unknown; rawInput?: unknown };
    const inner = withRawInput.includes(rest.state) ? rest : object;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
