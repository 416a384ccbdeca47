import { tool } from 'ai';
import { z } from 'zod';

const topic = z.object({ topic: z.string() });

/** The demo's tools: one per kind that a chat can have. */
export const tools = {
  /** Runs on the server. */
  lookUp: tool({
    description: 'Looks a topic up.',
    inputSchema: topic,
    execute: async ({ topic }) => ({ topic, letters: topic.length }),
  }),
  /** Answered by the page (`onToolCall`), on the device that asked. */
  readPage: tool({
    description: 'Reads the size and language of the page.',
    inputSchema: z.object({}),
    outputSchema: z.object({ width: z.number(), height: z.number(), language: z.string() }),
  }),
  /** Runs on the server when a person has approved it: see `toolApproval` in respond.ts. */
  launch: tool({
    description: 'Launches something that needs a yes.',
    inputSchema: topic,
    execute: async ({ topic }) => ({ launched: topic }),
  }),
  /** An output larger than what realtime services carry. */
  bigReport: tool({
    description: 'Writes a report of a given size.',
    inputSchema: z.object({ characters: z.number() }),
    execute: async ({ characters }) => 'chat-transport '.repeat(Math.ceil(characters / 15)).slice(0, characters),
  }),
};
