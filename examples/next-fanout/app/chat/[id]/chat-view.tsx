'use client';

import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow } from '@chat-transport/example-support/chat-window';
import { FanoutChatTransport } from '@chat-transport/fanout';
import type { ReactNode } from 'react';

/** One transport for the page, however often React renders it. */
let transport: FanoutChatTransport | undefined;

function transportOf(url: string | undefined): FanoutChatTransport {
  transport ??= new FanoutChatTransport({ url });
  return transport;
}

/** @param props.socketUrl Where connections open. Default: the page's own address. */
export function ChatView({ id, socketUrl }: { id: string; socketUrl: string | undefined }): ReactNode {
  return <ChatWindow chat={useRealtimeChat({ id, transport: transportOf(socketUrl) })} />;
}
