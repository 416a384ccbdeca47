import type { ReactNode } from 'react';
import { socketPort } from '../../../lib/socket-port.ts';
import { ChatView } from './chat-view.tsx';

export const dynamic = 'force-dynamic';

export default async function Page({ params }: { params: Promise<{ id: string }> }): Promise<ReactNode> {
  return <ChatView id={(await params).id} port={socketPort()} />;
}
