import { RealtimeWebSocketTransport } from '@chat-transport/websocket';
import { createRoot } from 'react-dom/client';
import { App } from '../src/app.tsx';
import { openDevice } from '../src/device.ts';
import { WireTap } from '../src/inspector/wire-tap.ts';
import { readStored } from '../src/use-stored.ts';
import '../src/styles.css';
import '../src/messages.css';
import '../src/composer.css';
import '../src/inspector/inspector.css';

/** Where the story says what the app's `headers` throws. */
const headersErrorKey = 'headers-error';

// The playground as another app may have it: an `api` with a slash and a query, and a function that may throw.
const device = await openDevice();
const tap = new WireTap();
const { fetch, webSocket, onEvent } = tap;
const transport = new RealtimeWebSocketTransport({
  api: `${device.origin}/api/chat/?tenant=a`,
  headers: (): Record<string, string> => {
    const message = readStored<string>(headersErrorKey);
    if (message) throw new Error(message);
    return {};
  },
  fetch,
  webSocket,
  onEvent,
});

const root = document.getElementById('root');
if (root) createRoot(root).render(<App device={device} tap={tap} transport={transport} />);
