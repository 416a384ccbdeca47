import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow } from '@chat-transport/example-support/chat-window';
import '@chat-transport/example-support/styles.css';
import { PartyKitChatTransport } from '@chat-transport/partykit';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const url = new URL(location.href);
const id = url.searchParams.get('chat') ?? crypto.randomUUID();
url.searchParams.set('chat', id);
history.replaceState(null, '', url);

const transport = new PartyKitChatTransport({ api: '/api/chat' });
const suggestions = [{ text: 'Count to 200', shows: 'an answer that is long enough to break something' }];

function App(): ReactNode {
  return <ChatWindow chat={useRealtimeChat({ id, transport })} suggestions={suggestions} />;
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
