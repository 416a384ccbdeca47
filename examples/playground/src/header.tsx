import type { Connection } from '@chat-transport/core';
import type { ReactNode } from 'react';
import { navigate, newChatId } from './use-location.ts';

interface HeaderProps {
  readonly chatId: string;
  readonly view: 'chat' | 'about';
  readonly connection: Connection;
  /** Whether a switch of this tab is set. */
  readonly isBroken: boolean;
  readonly isInspecting: boolean;
  readonly onInspect: () => void;
}

/** The connection, the ways into the panels, and the navigation; on a narrow screen the navigation is a menu. */
export function Header(props: HeaderProps): ReactNode {
  const { chatId, view, connection, isBroken, isInspecting, onInspect } = props;
  return (
    <header className="header">
      <h1>
        chat-transport <span className="kind">playground</span>
      </h1>
      <p className="pill" role="status" aria-label="Connection">
        <span className="dot" data-state={connection.state} aria-hidden="true" />
        <span data-testid="connection">{connection.state}</span>
        <span className="path" data-testid="path">
          {connection.path ?? 'none'}
        </span>
      </p>
      <nav className="wide" aria-label="Pages">
        <Links chatId={chatId} view={view} />
      </nav>
      <div className="tools">
        <button type="button" className={isBroken ? 'is-broken' : ''} popoverTarget="break-panel">
          Break
        </button>
        <button type="button" aria-expanded={isInspecting} aria-controls="inspector" onClick={onInspect}>
          Inspect
        </button>
        <button type="button" className="narrow" popoverTarget="menu" aria-label="Menu">
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M3 6h14M3 10h14M3 14h14" />
          </svg>
        </button>
      </div>
      <nav id="menu" className="panel menu" popover="auto" aria-label="Menu">
        <Links chatId={chatId} view={view} />
      </nav>
    </header>
  );
}

function Links({ chatId, view }: Pick<HeaderProps, 'chatId' | 'view'>): ReactNode {
  return (
    <>
      <ViewLink to={`/?chat=${chatId}`} isCurrent={view === 'chat'}>
        Chat
      </ViewLink>
      <ViewLink to={`/about?chat=${chatId}`} isCurrent={view === 'about'}>
        About
      </ViewLink>
      <button type="button" className="quiet" onClick={() => go(`/?chat=${newChatId()}`)}>
        New chat
      </button>
      <button type="button" className="quiet" onClick={() => open(`/?chat=${chatId}`, '_blank', 'noopener')}>
        Open second tab
      </button>
    </>
  );
}

/** Navigates inside the page, and closes the menu. */
function go(to: string): void {
  document.getElementById('menu')?.hidePopover();
  navigate(to);
}

function ViewLink(props: {
  readonly to: string;
  readonly isCurrent: boolean;
  readonly children: ReactNode;
}): ReactNode {
  const { to, isCurrent, children } = props;
  return (
    <a
      href={to}
      aria-current={isCurrent ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
