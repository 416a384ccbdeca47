import { PartyKitChatTransport } from '@chat-transport/partykit';
import { createRoot } from 'react-dom/client';
import { ChatView } from './chat-view.tsx';

const url = new URL(location.href);
const chatId = url.searchParams.get('chat') ?? crypto.randomUUID();
url.searchParams.set('chat', chatId);
history.replaceState(null, '', url);

const transport = new PartyKitChatTransport({ api: '/api/chat' });

const root = document.getElementById('root');
if (root) createRoot(root).render(<ChatView chatId={chatId} transport={transport} />);
