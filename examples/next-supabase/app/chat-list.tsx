'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type ReactNode, useEffect, useState } from 'react';
import { pageClient } from '../lib/page-client.ts';
import type { SupabaseProject } from '../lib/supabase-project.ts';

interface ChatRow {
  readonly id: string;
  readonly created_at: string;
}

/** The user's chats. Row level security leaves out everybody else's. */
export function ChatList({ project }: { project: SupabaseProject }): ReactNode {
  const router = useRouter();
  const [chats, setChats] = useState<readonly ChatRow[]>([]);
  const [problem, setProblem] = useState<string>();

  useEffect(() => {
    const read = async (): Promise<void> => {
      const newestFirst = { ascending: false };
      const { data, error } = await pageClient(project).from('chats').select().order('created_at', newestFirst);
      if (error) setProblem(error.message);
      else setChats(data);
    };
    void read();
  }, [project]);

  const add = async (): Promise<void> => {
    const { data, error } = await pageClient(project)
      .from('chats')
      .insert({ id: crypto.randomUUID() })
      .select()
      .single();
    if (error) setProblem(error.message);
    else router.push(`/chat/${data.id}`);
  };

  return (
    <main>
      <h1>Your chats</h1>
      <ul>
        {chats.map(({ id, created_at: createdAt }) => (
          <li key={id}>
            <Link href={`/chat/${id}`}>{new Date(createdAt).toLocaleString()}</Link>
          </li>
        ))}
      </ul>
      {problem && <p role="alert">{problem}</p>}
      <button type="button" onClick={() => void add()}>
        New chat
      </button>
    </main>
  );
}
