'use client';

import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow, type Suggestion } from '@chat-transport/example-support/chat-window';
import { PusherChatTransport } from '@chat-transport/pusher';
import Pusher from 'pusher-js';
import type { ReactNode } from 'react';
import type { PusherPublic } from '../../../lib/pusher-app.ts';

/** One transport for the page, however often React renders it. */
let transport: PusherChatTransport | undefined;

function transportOf({ key, cluster, host, port }: PusherPublic): PusherChatTransport {
  // On the server nothing connects: what is rendered there is an empty chat.
  if (typeof window === 'undefined') return new PusherChatTransport({ client: {} as Pusher });
  transport ??= new PusherChatTransport({
    client: new Pusher(key, {
      cluster,
      channelAuthorization: { endpoint: '/api/chat/auth', transport: 'ajax' },
      ...(host && { wsHost: host, ...(port && { wsPort: port }), forceTLS: false, enabledTransports: ['ws'] }),
    }),
  });
  return transport;
}

const suggestions: readonly Suggestion[] = [
  { text: 'Read 12 pages', shows: 'an answer of a minute, by functions that may take 10 s each.' },
];

export function ChatView({ id, app }: { id: string; app: PusherPublic }): ReactNode {
  return <ChatWindow chat={useRealtimeChat({ id, transport: transportOf(app) })} suggestions={suggestions} />;
}
