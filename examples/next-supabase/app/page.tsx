import type { ReactNode } from 'react';
import { supabaseProject } from '../lib/supabase-project.ts';
import { ChatList } from './chat-list.tsx';
import { SignedIn } from './signed-in.tsx';

export const dynamic = 'force-dynamic';

export default function Page(): ReactNode {
  const project = supabaseProject();
  return (
    <SignedIn project={project}>
      <ChatList project={project} />
    </SignedIn>
  );
}
