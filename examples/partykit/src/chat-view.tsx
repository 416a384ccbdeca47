import { useRealtimeChat } from '@chat-transport/core/react';
import type { PartyKitChatTransport } from '@chat-transport/partykit';
import { type ReactNode, useState } from 'react';

/** One chat: its messages, and what is sent next. */
export function ChatView({ chatId, transport }: { chatId: string; transport: PartyKitChatTransport }): ReactNode {
  const chat = useRealtimeChat({ id: chatId, transport });
  const [draft, setDraft] = useState('Count to 200');
  const running = chat.status === 'submitted' || chat.status === 'streaming';
  return (
    <main>
      <header>
        <h1>chat-transport on PartyKit</h1>
        <p>
          <span data-testid="status">{chat.status}</span> ·{' '}
          <span data-testid="path">{chat.connection.path ?? 'none'}</span>
        </p>
      </header>
      <ol aria-label="Messages">
        {chat.messages.map((message) => (
          <li key={message.id} data-testid="message" data-role={message.role}>
            {message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')}
          </li>
        ))}
      </ol>
      {chat.error && <p role="alert">{chat.error.message}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!draft.trim()) return;
          setDraft('');
          void chat.sendMessage({ text: draft });
        }}
      >
        <input aria-label="Message" value={draft} onChange={(event) => setDraft(event.target.value)} />
        <button type="submit" disabled={running}>
          Send
        </button>
        <button type="button" disabled={!running} onClick={() => void chat.stop()}>
          Stop
        </button>
      </form>
    </main>
  );
}
