import {
  convertToModelMessages,
  isStepCount,
  type Experimental_Steering as Steering,
  streamText,
  type ToolSet,
  tool,
  toUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
} from 'ai';
import { convertArrayToReadableStream, MockLanguageModelV4 } from 'ai/test';
import { z } from 'zod';

/** What a model streams in one step. */
// biome-ignore lint/suspicious/noExplicitAny: parts of the language model specification, written by hand.
export type ModelPart = any;
/** A model as a pure function of what it sees: `step` is the number of tool messages behind the user's. */
export type Script = (step: number, prompt: readonly ModelPart[]) => readonly ModelPart[];

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

export const finishWith = (reason: string): ModelPart => ({
  type: 'finish',
  finishReason: { unified: reason, raw: reason },
  usage,
});

export const textOf = (id: string, ...deltas: string[]): ModelPart[] => [
  { type: 'text-start', id },
  ...deltas.map((delta) => ({ type: 'text-delta', id, delta })),
  { type: 'text-end', id },
];

const reasoningOf = (id: string, ...deltas: string[]): ModelPart[] => [
  { type: 'reasoning-start', id },
  ...deltas.map((delta) => ({ type: 'reasoning-delta', id, delta })),
  { type: 'reasoning-end', id, providerMetadata: { anthropic: { signature: `signed-${id}` } } },
];

export const callOf = (id: string, toolName: string, input: string): ModelPart[] => [
  { type: 'tool-input-start', id, toolName },
  { type: 'tool-input-delta', id, delta: input.slice(0, 6) },
  { type: 'tool-input-delta', id, delta: input.slice(6) },
  { type: 'tool-input-end', id },
  { type: 'tool-call', toolCallId: id, toolName, input },
];

/** Reasons, says a few words, calls two tools in parallel, then a third one, then answers. */
export const twoTools: Script = (step) =>
  [
    [
      ...reasoningOf('reason-0', 'hm ', 'ok'),
      ...textOf('text-0', 'Let me', ' look.'),
      ...callOf('call-a', 'book', '{"what":"a"}'),
      ...callOf('call-b', 'book', '{"what":"b"}'),
      finishWith('tool-calls'),
    ],
    [...textOf('text-0', 'One', ' more.'), ...callOf('call-c', 'book', '{"what":"c"}'), finishWith('tool-calls')],
    [...textOf('text-0', 'All', ' booked.'), finishWith('stop')],
  ][Math.min(step, 2)] as ModelPart[];

/** The names of the tools that the server runs. */
export const serverTools: ReadonlySet<string> = new Set(['book', 'pay']);

export interface ScriptedRun {
  readonly script: Script;
  readonly messages: UIMessage[];
  readonly messageId: string;
  /** A tool takes effect. */
  readonly effect?: (what: string) => unknown;
  readonly steering?: Steering;
  readonly beforeTool?: (toolCallId: string) => Promise<void>;
  readonly stopWhen?: Parameters<typeof streamText>[0]['stopWhen'];
  readonly abortSignal?: AbortSignal;
  /** Whether `pay` needs an approval. */
  readonly needsApproval?: boolean;
  /** Sees each prompt. */
  readonly onPrompt?: (prompt: unknown) => void;
}

/** The tools of the scripts: two of the server, one of the client. */
export const toolsOf = (effect: (what: string) => unknown): ToolSet =>
  ({
    book: tool({
      inputSchema: z.object({ what: z.string() }),
      execute: async ({ what }) => {
        await effect(what);
        return { booked: what };
      },
    }),
    pay: tool({
      inputSchema: z.object({ eur: z.number() }),
      execute: async ({ eur }) => {
        await effect(`pay-${eur}`);
        return { paid: eur };
      },
    }),
    ask: tool({ inputSchema: z.object({ question: z.string() }) }),
  }) as unknown as ToolSet;

/** A run as an app would write it, with the real `streamText` over a scripted model. */
export async function openRun(run: ScriptedRun): Promise<ReadableStream<UIMessageChunk>> {
  const { script, messages, messageId, steering, beforeTool, stopWhen = isStepCount(10), abortSignal } = run;
  const tools = toolsOf((what) => run.effect?.(what));
  const model = new MockLanguageModelV4({
    doStream: async ({ prompt }: { prompt: readonly ModelPart[] }) => {
      run.onPrompt?.(JSON.parse(JSON.stringify(prompt)));
      const step = prompt.filter(({ role }) => role === 'tool').length;
      const parts = [{ type: 'stream-start', warnings: [] }, ...script(step, prompt)];
      return { stream: convertArrayToReadableStream(parts) };
    },
  } as never);
  const result = streamText({
    model,
    tools,
    messages: await convertToModelMessages(messages, { tools }),
    stopWhen,
    ...(run.needsApproval && { toolApproval: { pay: 'user-approval' } as never }),
    ...(abortSignal && { abortSignal }),
    ...(steering && { experimental_steering: steering }),
    ...(beforeTool && {
      onToolExecutionStart: ({ toolCall }: { toolCall: { toolCallId: string } }) => beforeTool(toolCall.toolCallId),
    }),
  } as never);
  return toUIMessageStream({
    stream: result.stream,
    tools,
    originalMessages: messages,
    generateMessageId: () => messageId,
    messageMetadata: ({ part }: { part: { type: string } }) =>
      part.type === 'start' ? { model: 'scripted' } : undefined,
  } as never) as ReadableStream<UIMessageChunk>;
}

/** All chunks of a stream, as JSON. */
export async function allChunks(stream: ReadableStream<UIMessageChunk>): Promise<UIMessageChunk[]> {
  const chunks: UIMessageChunk[] = [];
  for await (const chunk of stream) chunks.push(JSON.parse(JSON.stringify(chunk)));
  return chunks;
}
