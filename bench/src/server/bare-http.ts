import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { tokenLength } from '../script.ts';
import type { MakeContestant } from './contestant.ts';

/** As long as the text of the run that everybody reads. */
const body = `data: ${'x'.repeat(30_000 * tokenLength)}\n\ndata: [DONE]\n\n`;

/** What many readers are measured beside: a route without a chat, which answers each of them with the same text, at once. */
export const bareHttp: MakeContestant = () => {
  const fetch = (): Response => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  return { servers: [createAdaptorServer({ fetch }) as Server] };
};
