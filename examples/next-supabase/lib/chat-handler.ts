import { type AuthorizeResult, type ChatHandler, createChatHandler } from '@chat-transport/core/server';
import { chatModel } from '@chat-transport/example-support/chat-model';
import { supabase } from '@chat-transport/supabase/server';
import { createClient } from '@supabase/supabase-js';
import { convertToModelMessages, isStepCount, streamText, toUIMessageStream } from 'ai';
import { after } from 'next/server';
import { Pool } from 'pg';
import { supabaseProject } from './supabase-project.ts';

let handler: ChatHandler | undefined;

/** Made at the first request: building must not connect to anything. */
export function chatHandler(): ChatHandler {
  if (handler) return handler;
  const pool = new Pool({
    connectionString: process.env.DATABASE_URL,
    max: 4,
    // A connection whose network is gone is given up, and so is the wait for one of the four.
    query_timeout: 10_000,
    connectionTimeoutMillis: 10_000,
  });
  // A database that restarts ends idle connections. The next query opens another.
  pool.on('error', (error) => console.error('Postgres:', error.message));
  handler = createChatHandler({
    realtime: supabase({ query: async (text, values) => (await pool.query(text, [...values])).rows }),
    authorize: ({ request, chatId }) => mayUse(request, chatId),
    respond: async ({ messages, signal, steering }) =>
      toUIMessageStream({
        stream: streamText({
          model: chatModel(),
          messages: await convertToModelMessages(messages),
          abortSignal: signal,
          experimental_steering: steering,
          stopWhen: isStepCount(5),
        }).stream,
        originalMessages: messages,
      }),
    // The function lives until the answer is whole, whoever has gone by then.
    waitUntil: (work) => after(work),
    // Below the route's `maxDuration`, so that a long answer ends well instead of being cut.
    deadlineMs: 290_000,
  });
  return handler;
}

/** Row level security decides, on the same table as for Realtime: the user may use the chats that this user can see. */
async function mayUse(request: Request, chatId: string): Promise<AuthorizeResult> {
  const token = request.headers.get('authorization')?.replace(/^Bearer /, '');
  if (!token) return new Response('Sign in first.', { status: 401 });
  const { url, publicKey } = supabaseProject();
  const asUser = createClient(url, publicKey, { accessToken: async () => token });
  const { data, error, status } = await asUser.from('chats').select('id').eq('id', chatId).maybeSingle();
  // A token that is over: the page asks its session for another, and repeats the request.
  if (status === 401) return new Response('Your session is over.', { status: 401 });
  if (error) throw new Error(`The chats cannot be read: ${error.message}`);
  return data !== null;
}
