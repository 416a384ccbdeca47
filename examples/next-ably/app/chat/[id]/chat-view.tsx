'use client';

import { AblyChatTransport } from '@chat-transport/ably';
import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow } from '@chat-transport/example-support/chat-window';
import { Realtime } from 'ably';
import type { ReactNode } from 'react';
import type { AblyEndpoint } from '../../../lib/ably-app.ts';

/** One transport for the page, however often React renders it. Its client is made when a chat is opened: not on the server. */
let transport: AblyChatTransport | undefined;

function transportOf(endpoint: AblyEndpoint): AblyChatTransport {
  transport ??= new AblyChatTransport({ client: (options) => new Realtime({ ...options, ...endpoint }) });
  return transport;
}

export function ChatView({ id, endpoint }: { id: string; endpoint: AblyEndpoint }): ReactNode {
  return <ChatWindow chat={useRealtimeChat({ id, transport: transportOf(endpoint) })} />;
}
