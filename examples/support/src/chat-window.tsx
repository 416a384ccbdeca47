'use client';

import type { UseRealtimeChatHelpers } from '@chat-transport/core/react';
import { type FormEvent, type ReactNode, useState } from 'react';

const endings = { error: 'failed', deadline: 'cut short', lost: 'cut short', cancel: 'stopped' } as const;

/** One chat: its messages, how each answer ended, what the server refused, and a form for the next message. */
export function ChatWindow({ chat }: { chat: UseRealtimeChatHelpers }): ReactNode {
  const { messages, sendMessage, stop, resend, discard, status, error, connection, unsent, outcomes } = chat;
  const [text, setText] = useState('');
  const refused = unsent.filter(({ state }) => state === 'refused');
  const isBusy = status === 'submitted' || status === 'streaming';

  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (!text.trim()) return;
    setText('');
    void sendMessage({ text });
  };

  return (
    <main>
      <p className="bar">
        <span data-testid="connection">{connection.state}</span>
        {connection.path && (
          <>
            {' '}
            over <span data-testid="path">{connection.path}</span>
          </>
        )}
        , <span data-testid="status">{status}</span>. Open this address in a second window, reload, stop from there.
      </p>
      {messages.map(({ id, role, parts }) => {
        const outcome = outcomes[id];
        return (
          <div key={id}>
            <p className={role} data-testid="message" data-role={role}>
              {parts.map((part) => (part.type === 'text' ? part.text : ''))}
            </p>
            {outcome && outcome !== 'finish' && <p className="bar">This answer was {endings[outcome]}.</p>}
          </div>
        );
      })}
      {connection.state === 'refused' && (
        <p role="alert">
          You cannot read this chat: {connection.error.message}{' '}
          <button type="button" onClick={connection.retry}>
            Try again
          </button>
        </p>
      )}
      {refused.map(({ messageId, error: reason }) => (
        <p key={messageId} role="alert">
          Not sent: {reason instanceof Error ? reason.message : String(reason)}{' '}
          <button type="button" onClick={() => void resend(messageId)}>
            Send again
          </button>{' '}
          <button type="button" onClick={() => discard(messageId)}>
            Discard
          </button>
        </p>
      ))}
      {error && connection.state !== 'refused' && refused.length === 0 && <p role="alert">{error.message}</p>}
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
