import type { UseChatOptions } from '@ai-sdk/react';
import type { ChatInit, UIMessage } from 'ai';
import { expect, expectTypeOf, it } from 'vitest';
import { RealtimeChatTransport } from '../../src/index.ts';
import { type UseRealtimeChatOptions, useRealtimeChat } from '../../src/react.ts';

type OrderMessage = UIMessage<{ sentAt: number }, { order: { id: string } }>;
type HookOptions = Extract<UseChatOptions<OrderMessage>, ChatInit<OrderMessage>>;

it('takes every option of the stock hook', () => {
  expectTypeOf<keyof UseRealtimeChatOptions<OrderMessage>>().toEqualTypeOf<keyof HookOptions>();
  expectTypeOf<Omit<HookOptions, 'id' | 'transport' | 'resume'>>().toEqualTypeOf<
    Omit<UseRealtimeChatOptions<OrderMessage>, 'id' | 'transport' | 'resume'>
  >();
});

const transport = new RealtimeChatTransport();
const orderTransport = new RealtimeChatTransport<OrderMessage>();
const useOrders = () => useRealtimeChat<OrderMessage>({ id: 'orders', transport });
const useTypedOrders = () => useRealtimeChat({ id: 'orders', transport: orderTransport });

it('takes a transport without a type of messages in a hook that has one', () => {
  expectTypeOf<ReturnType<typeof useOrders>['messages']>().toEqualTypeOf<OrderMessage[]>();
  expectTypeOf<ReturnType<typeof useTypedOrders>['messages']>().toEqualTypeOf<OrderMessage[]>();
  // Both are ordinary transports: what differs is what TypeScript takes them for.
  expect(transport.clientId).toBe(orderTransport.clientId);
});
