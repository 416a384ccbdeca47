import { useRealtimeChat } from '@chat-transport/core/react';
import { type ReactNode, useState } from 'react';
import { ChatScreen } from './chat-screen.tsx';
import { createAppTransport } from './lib/chat-transport.ts';
import { api, ownChatId } from './lib/this-device.ts';

const transport = createAppTransport(api);

export function App(): ReactNode {
  const [id] = useState(ownChatId);
  return <ChatScreen address={api.replace('/api/chat', `/chat/${id}`)} chat={useRealtimeChat({ id, transport })} />;
}
