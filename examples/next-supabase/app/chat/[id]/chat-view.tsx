'use client';

import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow } from '@chat-transport/example-support/chat-window';
import { type ReactNode, useContext } from 'react';
import { transportOf } from '../../../lib/page-transport.ts';
import type { SupabaseProject } from '../../../lib/supabase-project.ts';
import { UserId } from '../../signed-in.tsx';

export function ChatView({ id, project }: { id: string; project: SupabaseProject }): ReactNode {
  const transport = transportOf(useContext(UserId), project);
  return <ChatWindow chat={useRealtimeChat({ id, transport })} />;
}
