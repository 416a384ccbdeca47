import type { UIMessage, UIMessageChunk } from 'ai';
import type { Device } from './device.ts';

/** What JSON keeps of a value. */
export function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** Sends without a chat around it and answers the chunks as they come. */
export async function rawSend(device: Device, chatId = 'c'): Promise<ReadableStream<UIMessageChunk>> {
  const messages: UIMessage[] = [{ id: crypto.randomUUID(), role: 'user', parts: [{ type: 'text', text: 'hi' }] }];
  return device.transport.sendMessages({
    chatId,
    trigger: 'submit-message',
    messageId: undefined,
    messages,
    abortSignal: undefined,
  });
}
