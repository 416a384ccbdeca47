'use client';

import { AblyChatTransport } from '@chat-transport/ably';
import { useRealtimeChat } from '@chat-transport/core/react';
import { Realtime } from 'ably';
import { type FormEvent, type ReactNode, useState } from 'react';
import type { AblyEndpoint } from '../../../lib/ably-app.ts';

/** One transport for the page, however often React renders it. Its client is made when a chat is opened: not on the server. */
let transport: AblyChatTransport | undefined;

function transportOf(endpoint: AblyEndpoint): AblyChatTransport {
  transport ??= new AblyChatTransport({ client: (options) => new Realtime({ ...options, ...endpoint }) });
  return transport;
}

export function ChatView({ id, endpoint }: { id: string; endpoint: AblyEndpoint }): ReactNode {
  const { messages, sendMessage, stop, status, error, connection } = useRealtimeChat({
    id,
    transport: transportOf(endpoint),
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
