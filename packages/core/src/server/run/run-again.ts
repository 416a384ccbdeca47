import { executeTool, isExecutableTool, type Tool } from '@ai-sdk/provider-utils';
import type { UIMessageChunk } from 'ai';
import type { TracedCall } from './trace-run.ts';

/** What a call that runs again needs. */
export interface RunAgain {
  readonly tools: { readonly [name: string]: Tool };
  readonly signal: AbortSignal;
  /** The text of a failed call's output, which clients and the model see. */
  readonly errorText: (error: unknown) => string;
}

/**
 * Runs the calls of `retryTools` that were in flight when their writer stopped, all at once, and gives their outputs in the order in which they come.
 * What a tool says before its final output is left out: the first run may have shown it already.
 */
export async function* runAgain(
  calls: readonly TracedCall[],
  options: RunAgain,
): AsyncGenerator<UIMessageChunk, void, void> {
  const running = new Map(calls.map((call) => [call.toolCallId, outputOf(call, options)]));
  while (running.size > 0) {
    const chunk = await Promise.race(running.values());
    running.delete(chunk.toolCallId);
    yield chunk;
  }
}

interface NoContext {
  readonly none?: undefined;
}

type Output = Extract<UIMessageChunk, { type: 'tool-output-available' | 'tool-output-error' }>;

async function outputOf(
  { toolCallId, toolName, input, dynamic }: TracedCall,
  { tools, signal, errorText }: RunAgain,
): Promise<Output> {
  const common = { toolCallId, ...(dynamic && { dynamic }) };
  try {
    // A tool that needs a context of the app's gets an empty one: nobody knows what the first run's was.
    const tool = tools[toolName] as Tool<unknown, unknown, NoContext> | undefined;
    if (!tool || !isExecutableTool(tool)) throw new TypeError(`The server has no tool ${toolName} that it runs.`);
    let output: unknown;
    const options = { toolCallId, messages: [], abortSignal: signal, context: {} };
    for await (const given of executeTool({ tool, input, options })) output = given.output;
    return { type: 'tool-output-available', ...common, output };
  } catch (error) {
    return { type: 'tool-output-error', ...common, errorText: errorText(error) };
  }
}
