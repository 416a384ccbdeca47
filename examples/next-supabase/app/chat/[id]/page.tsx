import type { ReactNode } from 'react';
import { supabaseProject } from '../../../lib/supabase-project.ts';
import { SignedIn } from '../../signed-in.tsx';
import { ChatView } from './chat-view.tsx';

export const dynamic = 'force-dynamic';

export default async function Page({ params }: { params: Promise<{ id: string }> }): Promise<ReactNode> {
  const project = supabaseProject();
  return (
    <SignedIn project={project}>
      <ChatView id={(await params).id} project={project} />
    </SignedIn>
  );
}
