import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { openDevice } from './device.ts';
import { WireTap } from './inspector/wire-tap.ts';
import { createTransport } from './provider.ts';
import { newChatId } from './use-location.ts';
import './styles.css';
import './messages.css';
import './composer.css';
import './inspector/inspector.css';

const url = new URL(location.href);
if (!url.searchParams.get('chat')) {
  url.searchParams.set('chat', newChatId());
  history.replaceState(null, '', url);
}

const device = await openDevice();
const tap = new WireTap();
const transport = createTransport(`${device.origin}/api/chat`, tap);

const root = document.getElementById('root');
if (root) createRoot(root).render(<App device={device} tap={tap} transport={transport} />);
