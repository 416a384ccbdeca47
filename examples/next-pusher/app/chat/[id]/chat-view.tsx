'use client';

import { useRealtimeChat } from '@chat-transport/core/react';
import { PusherChatTransport } from '@chat-transport/pusher';
import Pusher from 'pusher-js';
import { type FormEvent, type ReactNode, useState } from 'react';
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

export function ChatView({ id, app }: { id: string; app: PusherPublic }): ReactNode {
  const { messages, sendMessage, stop, status, error, connection } = useRealtimeChat({
    id,
    transport: transportOf(app),
  });
  const [text, setText] = useState('');
  const isBusy = status === 'submitted' || status === 'streaming';

  const send = (event: FormEvent): void => {
    event.preventDefault();
    setText('');
    void sendMessage({ text });
  };

  return (
    <main>
      <p className="bar">
        <span data-testid="connection">{connection.state}</span> over <span data-testid="path">{connection.path}</span>,{' '}
        <span data-testid="status">{status}</span>. Open this address in a second window, reload, stop from there.
      </p>
      {messages.map((message) => (
        <p key={message.id} className={message.role} data-testid="message" data-role={message.role}>
          {message.parts.map((part) => (part.type === 'text' ? part.text : ''))}
        </p>
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
        {isBusy ? (
          <button type="button" onClick={() => void stop()}>
            Stop
          </button>
        ) : (
          <button type="submit">Send</button>
        )}
      </form>
    </main>
  );
}
