import { type ReactNode, useMemo, useSyncExternalStore } from 'react';
import { About } from './about.tsx';
import { Banners } from './banners.tsx';
import { BreakPanel } from './break-panel.tsx';
import { ChatView, type Transport } from './chat-view.tsx';
import type { Device } from './device.ts';
import { Header } from './header.tsx';
import { Inspector } from './inspector/inspector.tsx';
import type { WireTap } from './inspector/wire-tap.ts';
import { useLocation } from './use-location.ts';
import { useStored } from './use-stored.ts';
import { useSwitches } from './use-switches.ts';

interface AppProps {
  readonly device: Device;
  readonly tap: WireTap;
  readonly transport: Transport;
}

/** The page: its header, the view that the address names, and the inspector. */
export function App({ device, tap, transport }: AppProps): ReactNode {
  const url = useLocation();
  const chatId = url.searchParams.get('chat') ?? 'lobby';
  const view = url.pathname === '/about' ? 'about' : 'chat';
  const store = useMemo(() => transport.connection(chatId), [transport, chatId]);
  const connection = useSyncExternalStore(store.subscribe, store.getSnapshot);
  const { switches, change } = useSwitches(device.name);
  const [isInspecting, setIsInspecting] = useStored('inspector', false);
  const isCut = switches.mode !== 'online';
  const isBroken = isCut || switches.blocked.length > 0 || switches.access !== 'open';
  return (
    <div className="page" data-inspecting={isInspecting}>
      <Header
        chatId={chatId}
        view={view}
        connection={connection}
        isBroken={isBroken}
        isInspecting={isInspecting}
        onInspect={() => setIsInspecting(!isInspecting)}
      />
      <BreakPanel switches={switches} onChange={change} isPossible={device.name !== null} />
      <div className="view">
        <Banners connection={connection} onRestore={isCut ? () => change({ mode: 'online' }) : undefined} />
        {view === 'about' ? <About /> : <ChatView key={chatId} chatId={chatId} transport={transport} />}
      </div>
      {isInspecting && (
        <Inspector chatId={chatId} connection={connection} tap={tap} onClose={() => setIsInspecting(false)} />
      )}
    </div>
  );
}
