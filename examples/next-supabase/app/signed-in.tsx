'use client';

import type { Session } from '@supabase/supabase-js';
import Link from 'next/link';
import { createContext, type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { pageClient } from '../lib/page-client.ts';
import { closeTransport } from '../lib/page-transport.ts';
import type { SupabaseProject } from '../lib/supabase-project.ts';

/** The user who is signed in. */
export const UserId = createContext('');

/** Shows its children to a user who is signed in, and a form to everybody else. */
export function SignedIn({ project, children }: { project: SupabaseProject; children: ReactNode }): ReactNode {
  // `undefined` until the browser has looked for a session.
  const [session, setSession] = useState<Session | null>();
  useEffect(() => {
    const { data } = pageClient(project).auth.onAuthStateChange((_, found) => setSession(found));
    return () => data.subscription.unsubscribe();
  }, [project]);
  // Also where the user signed out in another window.
  useEffect(() => {
    if (session === null) closeTransport();
  }, [session]);

  if (session === undefined) return <p className="bar">Looking for your session …</p>;
  if (session === null) return <SignIn project={project} />;
  const { id, email } = session.user;
  return (
    <UserId key={id} value={id}>
      <p className="bar">
        <Link href="/">Your chats</Link> of {email}{' '}
        <button type="button" onClick={() => void pageClient(project).auth.signOut({ scope: 'local' })}>
          Sign out
        </button>
      </p>
      {children}
    </UserId>
  );
}

function SignIn({ project }: { project: SupabaseProject }): ReactNode {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<string>();

  const enter = async (how: 'signInWithPassword' | 'signUp'): Promise<void> => {
    const { data, error } = await pageClient(project).auth[how]({ email, password });
    if (error) setProblem(error.message);
    else if (!data.session) setProblem('Confirm your address by the link that was sent to you, then sign in.');
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void enter('signInWithPassword');
  };

  return (
    <main>
      <h1>Sign in</h1>
      <form className="sign-in" onSubmit={submit}>
        <input
          aria-label="Email"
          placeholder="Email"
          type="email"
          autoComplete="email"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <input
          aria-label="Password"
          placeholder="Password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <button type="submit">Sign in</button>
        <button type="button" onClick={() => void enter('signUp')}>
          Sign up
        </button>
      </form>
      {problem && <p role="alert">{problem}</p>}
    </main>
  );
}
