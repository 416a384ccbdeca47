import { SupabaseChatTransport } from '@chat-transport/supabase';
import { pageClient } from './page-client.ts';
import type { SupabaseProject } from './supabase-project.ts';

let opened: { readonly userId: string; readonly transport: SupabaseChatTransport } | undefined;

/** The transport of the page's user, however often React renders the page. It is made when a chat is opened: not on the server. */
export function transportOf(userId: string, project: SupabaseProject): SupabaseChatTransport {
  if (opened?.userId === userId) return opened.transport;
  closeTransport();
  const client = pageClient(project);
  const transport = new SupabaseChatTransport({
    client,
    // Each request has the session's token, which the client renews.
    headers: async (): Promise<Record<string, string>> => {
      const { data } = await client.auth.getSession();
      return data.session ? { authorization: `Bearer ${data.session.access_token}` } : {};
    },
  });
  opened = { userId, transport };
  return transport;
}

/** Forgets the user's chats, so that nobody who signs in after them on the same page sees one. */
export function closeTransport(): void {
  opened?.transport.close();
  opened = undefined;
}
