'use client';

import type { UseRealtimeChatHelpers } from '@chat-transport/core/react';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { endings, saysEnding } from './endings.ts';
import { followEnd } from './follow-end.ts';

/** A message that a visitor may try. */
export interface Suggestion {
  readonly text: string;
  readonly shows: string;
}

/** One chat: its messages, what became of each of them, what the server refused, and a form for the next message. */
export function ChatWindow({
  chat,
  suggestions = [],
}: {
  readonly chat: UseRealtimeChatHelpers;
  readonly suggestions?: readonly Suggestion[];
}): ReactNode {
  const { messages, sendMessage, stop, status, error, connection, unsent, outcomes } = chat;
  const [text, setText] = useState('');
  const [stopFailure, setStopFailure] = useState<string>();
  useEffect(followEnd, []);
  const isBusy = status === 'submitted' || status === 'streaming';
  // Shown once: at its message, or above the form.
  const isShown =
    saysEnding(error, outcomes[messages.at(-1)?.id ?? '']) ||
    unsent.some((send) => send.error === error) ||
    connection.state === 'refused';

  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (!text.trim()) return;
    setText('');
    void sendMessage({ text });
  };
  const stopAnswer = (): void => {
    setStopFailure(undefined);
    // The server may refuse: then the answer goes on.
    stop().catch((reason: unknown) => setStopFailure(sentenceOf(reason)));
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
        , <span data-testid="status">{status}</span>.
        <br />
        Open this address in a second window, reload, stop from there.
      </p>
      {messages.map((message) => (
        <div key={message.id}>
          <p className={message.role} dir="auto" data-testid="message" data-role={message.role}>
            {message.parts.map((part) => (part.type === 'text' ? part.text : ''))}
          </p>
          <Mark text={endings[outcomes[message.id] ?? 'finish']} />
          <Unsent chat={chat} messageId={message.id} />
        </div>
      ))}
      {connection.state === 'offline' && <p role="alert">You are offline. What you miss arrives when you are back.</p>}
      {connection.state === 'refused' && (
        <p role="alert">
          {connection.error.message}{' '}
          <button type="button" onClick={connection.retry}>
            Try again
          </button>
        </p>
      )}
      {error && !isShown && <p role="alert">{error.message}</p>}
      {stopFailure && <p role="alert">Not stopped: {stopFailure}</p>}
      {messages.length === 0 &&
        suggestions.map((suggestion) => (
          <p key={suggestion.text} className="bar">
            Try{' '}
            <button type="button" onClick={() => void sendMessage({ text: suggestion.text })}>
              {suggestion.text}
            </button>
            : {suggestion.shows}
          </p>
        ))}
      <form onSubmit={send}>
        <input
          aria-label="Message"
          placeholder="Write a message…"
          dir="auto"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {isBusy ? (
          <button type="button" onClick={stopAnswer}>
            Stop
          </button>
        ) : (
          <button type="submit">Send</button>
        )}
      </form>
    </main>
  );
}

function Mark({ text }: { text: string | undefined }): ReactNode {
  return text && <p className="bar">{text}</p>;
}

/** What this device sent about a message, and the server does not have. */
function Unsent({ chat, messageId }: { chat: UseRealtimeChatHelpers; messageId: string }): ReactNode {
  return (
    chat.unsent
      // An edit may give its message another id.
      .filter((send) => send.messageId === messageId || send.message?.id === messageId)
      .map((send) =>
        send.state === 'sending' ? (
          <p key={send.kind} className="bar">
            Sending…
          </p>
        ) : (
          <p key={send.kind} role="alert">
            Not sent: {sentenceOf(send.error)}{' '}
            <button type="button" onClick={() => void chat.resend(send.messageId)}>
              Send again
            </button>{' '}
            <button type="button" onClick={() => chat.discard(send.messageId)}>
              Discard
            </button>
          </p>
        ),
      )
  );
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
