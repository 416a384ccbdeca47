import { isToolUIPart, type StepResult, type StopCondition, type ToolSet, type UIMessage } from 'ai';
import type { Continuation } from '../options.ts';

/**
 * Makes the stop condition of a writer from the app's own: it counts the steps of earlier writers too, and ends the stream where the run is to be
 * handed over. The conditions are asked about every number of steps that this writer did not see, because `isStepCount` compares with `===`.
 */
export function stopConditionOf<TOOLS extends ToolSet, CONTEXT extends Record<string, unknown>>(
  conditions: readonly StopCondition<TOOLS, CONTEXT>[],
  continuation: Pick<Continuation, 'steps' | 'message'> | undefined,
  isHandedOver: () => boolean,
): StopCondition<TOOLS, CONTEXT> {
  const earlier = earlierSteps(continuation) as StepResult<TOOLS, CONTEXT>[];
  const isMet = async (steps: StepResult<TOOLS, CONTEXT>[]): Promise<boolean> => {
    for (const condition of conditions) if (await condition({ steps })) return true;
    return false;
  };
  return async ({ steps }) => {
    // A step without calls may be followed by one for a steer, which the AI SDK would refuse behind a stop condition.
    if (isHandedOver() && (steps.at(-1)?.toolCalls.length ?? 0) > 0) return true;
    if (await isMet([...earlier, ...steps])) return true;
    // Reached before, and only the end of the run was lost: one step too many at most.
    return steps.length === 1 && earlier.length > 0 && (await isMet(earlier));
  };
}

/** What a message shows of its finished steps. What it does not show (usage, warnings, responses) is absent. */
function earlierSteps({ steps = 0, message }: Partial<Pick<Continuation, 'steps' | 'message'>> = {}): unknown[] {
  const parts = partsByStep(message).slice(-steps || undefined);
  return Array.from({ length: steps }, (_, stepNumber) => {
    const tools = (parts[stepNumber] ?? []).filter(isToolUIPart);
    const text = (parts[stepNumber] ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
    const toolCalls = tools.map((part) => ({ ...callOf(part), type: 'tool-call' }));
    const toolResults = tools.flatMap((part) =>
      part.state === 'output-available' ? [{ ...callOf(part), type: 'tool-result', output: part.output }] : [],
    );
    const finishReason = tools.length > 0 ? 'tool-calls' : 'stop';
    return { stepNumber, text, toolCalls, toolResults, finishReason, content: [], usage: {} };
  });
}

function partsByStep(message: UIMessage | undefined): UIMessage['parts'][] {
  const steps: UIMessage['parts'][] = [];
  for (const part of message?.parts ?? []) {
    if (part.type === 'step-start') steps.push([]);
    else steps.at(-1)?.push(part);
  }
  return steps;
}

function callOf(part: Extract<UIMessage['parts'][number], { toolCallId: string }>) {
  const isDynamic = part.type === 'dynamic-tool';
  const toolName = isDynamic ? part.toolName : part.type.slice('tool-'.length);
  return { toolCallId: part.toolCallId, toolName, input: part.input };
}
