'use client';

import { useRealtimeChat } from '@chat-transport/core/react';
import { ChatWindow } from '@chat-transport/example-support/chat-window';
import { SupabaseChatTransport } from '@chat-transport/supabase';
import type { ReactNode } from 'react';
import { pageClient } from '../../../lib/page-client.ts';
import type { SupabaseProject } from '../../../lib/supabase-project.ts';

/** One transport for the page, however often React renders it. It is made when a chat is opened: not on the server. */
let transport: SupabaseChatTransport | undefined;

function transportOf(project: SupabaseProject): SupabaseChatTransport {
  const client = pageClient(project);
  transport ??= new SupabaseChatTransport({
    client,
    // Each request has the session's token, which the client renews.
    headers: async (): Promise<Record<string, string>> => {
      const { data } = await client.auth.getSession();
      return data.session ? { authorization: `Bearer ${data.session.access_token}` } : {};
    },
  });
  return transport;
}

export function ChatView({ id, project }: { id: string; project: SupabaseProject }): ReactNode {
  return <ChatWindow chat={useRealtimeChat({ id, transport: transportOf(project) })} />;
}
