// What an app's React page writes, type-checked against the built packages with the lowest and the newest `@ai-sdk/react`.
import type { UseChatOptions } from '@ai-sdk/react';
import { RealtimeChatTransport } from '@chat-transport/core';
import { type UseRealtimeChatHelpers, type UseRealtimeChatOptions, useRealtimeChat } from '@chat-transport/core/react';
import { type ChatInit, lastAssistantMessageIsCompleteWithToolCalls, type UIMessage } from 'ai';

type OrderMessage = UIMessage<{ sentAt: number }, { order: { id: string } }>;
/** The options of the stock hook, where it makes a chat of its own. */
type StockOptions<MESSAGE extends UIMessage> = Extract<UseChatOptions<MESSAGE>, ChatInit<MESSAGE>>;
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** No option of the stock hook is missing, and none is added. */
export const names: Equal<keyof UseRealtimeChatOptions, keyof StockOptions<UIMessage>> = true;
export const typedNames: Equal<keyof UseRealtimeChatOptions<OrderMessage>, keyof StockOptions<OrderMessage>> = true;

const untyped = new RealtimeChatTransport({ api: '/api/chat' });
const typed = new RealtimeChatTransport<OrderMessage>({ api: '/api/chat' });

/** Passes the options of a stock hook on as they are: `id` and `transport` are the only ones that it must have. */
export function useStockOptions(
  options: Omit<StockOptions<OrderMessage>, 'resume' | 'transport'> & { id: string },
): void {
  useRealtimeChat<OrderMessage>({ ...options, transport: untyped, resume: true });
  useRealtimeChat<OrderMessage>({ ...options, transport: typed });
}

export function useTyped(): UseRealtimeChatHelpers<OrderMessage> {
  return useRealtimeChat<OrderMessage>({
    id: 'orders',
    transport: untyped,
    experimental_throttle: 50,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    onData: ({ data }) => data.id.length,
    onFinish: ({ message }) => message.metadata?.sentAt,
  });
}

export function useUntyped(): UIMessage[] {
  return useRealtimeChat({ id: 'chat', transport: untyped, experimental_throttle: 50 }).messages;
}
