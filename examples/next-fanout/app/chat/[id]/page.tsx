import type { ReactNode } from 'react';
import { socketUrl } from '../../../lib/settings.ts';
import { SignIn } from '../../sign-in.tsx';
import { signedInUser } from '../../signed-in-user.ts';
import { ChatView } from './chat-view.tsx';

export const dynamic = 'force-dynamic';

export default async function Page({ params }: { params: Promise<{ id: string }> }): Promise<ReactNode> {
  const { id } = await params;
  const user = await signedInUser();
  if (user === undefined) return <SignIn back={`/chat/${id}`} />;
  return (
    <>
      <p className="bar">
        You are {user}. <a href="/">New chat</a>
      </p>
      <ChatView id={id} socketUrl={socketUrl()} />
    </>
  );
}
