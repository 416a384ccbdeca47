import type { ReactNode } from 'react';
import { About } from './about.tsx';
import { ChatView, type Transport } from './chat-view.tsx';
import type { Device } from './device.ts';
import { navigate, newChatId, useLocation } from './use-location.ts';

/** The page: its header, and the view that the address names. */
export function App({ device, transport }: { device: Device; transport: Transport }): ReactNode {
  const url = useLocation();
  const chatId = url.searchParams.get('chat') ?? 'lobby';
  const view = url.pathname === '/about' ? 'about' : 'chat';
  return (
    <div className="page">
      <header className="header">
        <h1>
          chat-transport <span className="kind">playground</span>
        </h1>
        <nav>
          <ViewLink to={`/?chat=${chatId}`} current={view === 'chat'}>
            Chat
          </ViewLink>
          <ViewLink to={`/about?chat=${chatId}`} current={view === 'about'}>
            About
          </ViewLink>
          <button type="button" className="quiet" onClick={() => navigate(`/?chat=${newChatId()}`)}>
            New chat
          </button>
          <button type="button" className="quiet" onClick={() => open(`/?chat=${chatId}`, '_blank', 'noopener')}>
            Open second tab
          </button>
        </nav>
      </header>
      {view === 'about' ? <About /> : <ChatView key={chatId} chatId={chatId} device={device} transport={transport} />}
    </div>
  );
}

function ViewLink({ to, current, children }: { to: string; current: boolean; children: ReactNode }): ReactNode {
  return (
    <a
      href={to}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}
