'use client';

import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow } from '@chat-transport/example-support/chat-window';
import { RealtimeWebSocketTransport } from '@chat-transport/websocket';
import { type ReactNode, useEffect, useState } from 'react';

/** One transport for the page, however often React renders it. */
let transport: RealtimeWebSocketTransport | undefined;

function transportOf(port: number): RealtimeWebSocketTransport {
  const { protocol, hostname } = window.location;
  const url = `${protocol === 'https:' ? 'wss' : 'ws'}://${hostname}:${port}/api/chat/socket`;
  transport ??= new RealtimeWebSocketTransport({ url });
  return transport;
}

/** The socket's address is the browser's to know: the chat opens there, and not while the server renders. */
export function ChatView({ id, port }: { id: string; port: number }): ReactNode {
  const [own, setOwn] = useState<RealtimeWebSocketTransport>();
  useEffect(() => setOwn(transportOf(port)), [port]);
  return own ? <OpenChat id={id} transport={own} /> : null;
}

function OpenChat(options: { id: string; transport: RealtimeWebSocketTransport }): ReactNode {
  return <ChatWindow chat={useRealtimeChat(options)} />;
}
