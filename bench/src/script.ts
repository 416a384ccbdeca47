import type { UIMessage } from 'ai';

/** What the scripted model is to say. It travels as the user message's text, so that every contestant gets it in the same way. */
export interface Script {
  /** `tool`: the input of one tool call, in pieces. */
  readonly kind: 'text' | 'tool';
  readonly deltas: number;
  /** Time between two deltas, in milliseconds. 0: one per turn of the event loop. */
  readonly intervalMs: number;
  /** The model's own time to the first delta, in milliseconds. */
  readonly thinkMs: number;
  /** Whether the answer stays open behind its last delta, until the server is told to release it. */
  readonly hold?: boolean;
}

/** How many characters each delta of a text has; all are ASCII. */
export const tokenLength = 5;
/** What the model's tool call writes: 39 KB of JSON. */
export const toolInput: string = JSON.stringify({ path: 'src/app.ts', content: 'const answer = 42;\n'.repeat(1949) });
/** How many characters of it a page can show. */
export const contentLength: number = (JSON.parse(toolInput) as { content: string }).content.length;

export function ask(id: string, script: Script): UIMessage {
  return { id, role: 'user', parts: [{ type: 'text', text: JSON.stringify(script) }] };
}

export function scriptOf(messages: readonly UIMessage[]): Script {
  const part = messages.at(-1)?.parts[0];
  if (part?.type !== 'text') throw new TypeError('The last message carries no script.');
  return JSON.parse(part.text) as Script;
}
