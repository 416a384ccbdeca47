import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { openDevice } from './device.ts';
import { createTransport } from './provider.ts';
import { newChatId } from './use-location.ts';
import './styles.css';

const url = new URL(location.href);
if (!url.searchParams.get('chat')) {
  url.searchParams.set('chat', newChatId());
  history.replaceState(null, '', url);
}

const device = await openDevice();
const transport = createTransport(`${device.origin}/api/chat`);

const root = document.getElementById('root');
if (root) createRoot(root).render(<App device={device} transport={transport} />);
