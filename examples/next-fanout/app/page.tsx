import { redirect } from 'next/navigation';
import type { ReactNode } from 'react';
import { SignIn } from './sign-in.tsx';
import { signedInUser } from './signed-in-user.ts';

export const dynamic = 'force-dynamic';

/** Opens a new chat. */
export default async function Page(): Promise<ReactNode> {
  const user = await signedInUser();
  if (user === undefined) return <SignIn back="/" />;
  redirect(`/chat/${user}-${crypto.randomUUID()}`);
}
