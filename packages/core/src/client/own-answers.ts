import type { UIMessage } from 'ai';

/** The states of a tool call that wait for somebody's answer. */
const openStates: readonly unknown[] = ['input-available', 'approval-requested'];
/** The states of a tool call that a person, or a client tool, has answered. */
const answeredStates: readonly unknown[] = ['output-available', 'output-error', 'approval-responded'];

interface ToolPart {
  readonly toolCallId: string;
  readonly state: string;
}

function toolPart(part: object): ToolPart | undefined {
  return 'toolCallId' in part && 'state' in part ? (part as ToolPart) : undefined;
}

/** The server's message with the answers to tool calls and approvals that were given on this device, and that the server does not have. */
export function withOwnAnswers<UI_MESSAGE extends UIMessage>(
  theirs: UI_MESSAGE,
  ours: UI_MESSAGE | undefined,
): UI_MESSAGE {
  const answers = ours?.parts.filter((part) => answeredStates.includes(toolPart(part)?.state)) ?? [];
  if (answers.length === 0) return theirs;
  let isChanged = false;
  const parts = theirs.parts.map((part) => {
    const call = toolPart(part);
    if (!call || !openStates.includes(call.state)) return part;
    const answer = answers.find((own) => toolPart(own)?.toolCallId === call.toolCallId);
    isChanged ||= answer !== undefined;
    return answer ?? part;
  });
  return isChanged ? { ...theirs, parts } : theirs;
}

/** The calls of a message that have an answer. */
export function answeredCalls(message: UIMessage | undefined): readonly string[] {
  const calls = message?.parts.flatMap((part) => toolPart(part) ?? []) ?? [];
  return calls.flatMap(({ state, toolCallId }) => (answeredStates.includes(state) ? [toolCallId] : []));
}

/** The call that an answer is for: approvals have ids of their own. */
export function callOf(message: UIMessage | undefined, answer: { toolCallId?: string; id?: string }): string {
  const asked = message?.parts.find((part) => 'approval' in part && part.approval?.id === answer.id);
  return answer.toolCallId ?? (asked && toolPart(asked)?.toolCallId) ?? '';
}

/** Whether a call of these messages is over: answered, or closed by the end of its run. */
export function isSettledCall(messages: readonly UIMessage[], toolCallId: string): boolean {
  const calls = messages.flatMap(({ parts }) => parts.flatMap((part) => toolPart(part) ?? []));
  return calls.findLast((call) => call.toolCallId === toolCallId)?.state.startsWith('output-') ?? false;
}

/** Whether a message has tool calls or approvals that wait for somebody's answer. */
export function waitsForAnswers({ parts }: UIMessage): boolean {
  return parts.some((part) => openStates.includes(toolPart(part)?.state));
}
