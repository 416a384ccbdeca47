import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow } from '@chat-transport/example-support/chat-window';
import '@chat-transport/example-support/styles.css';
import { RealtimeWebSocketTransport } from '@chat-transport/websocket';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const transport = new RealtimeWebSocketTransport({ api: '/api/chat' });
const id = location.pathname.split('/').at(-1) ?? '';

function App(): ReactNode {
  const chat = useRealtimeChat({ id, transport });
  // One answer at a time: the server would refuse the report.
  const isBusy = chat.status === 'submitted' || chat.status === 'streaming';
  return (
    <>
      <p>
        <button type="button" disabled={isBusy} onClick={() => void fetch(`/report/${id}`, { method: 'POST' })}>
          Let the server write a report
        </button>
      </p>
      <p className="bar">Then close this window: the server prints a notification when the report is complete.</p>
      <ChatWindow chat={chat} />
    </>
  );
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
