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
  ours: UIMessage | undefined,
): UI_MESSAGE {
  if (!ours) return theirs;
  const answered = answeredCalls(ours);
  const parts = theirs.parts.map((part) => {
    const call = toolPart(part);
    if (!call || !openStates.includes(call.state) || !answered.includes(call.toolCallId)) return part;
    return ours.parts.find((own) => toolPart(own)?.toolCallId === call.toolCallId) ?? part;
  });
  return { ...theirs, parts };
}

/** The calls of a message that have an answer. */
export function answeredCalls(message: UIMessage | undefined): readonly string[] {
  const calls = message?.parts.flatMap((part) => toolPart(part) ?? []) ?? [];
  return calls.flatMap(({ state, toolCallId }) => (answeredStates.includes(state) ? [toolCallId] : []));
}

/** The call that an answer is for, and its message. Approvals have ids of their own, and a call may be in any message. */
export function callOf(
  messages: readonly UIMessage[],
  answer: { readonly toolCallId?: string; readonly id?: string },
): { readonly messageId: string; readonly toolCallId: string } | undefined {
  const isMeant = (part: object): boolean =>
    answer.toolCallId === undefined
      ? (part as { approval?: { id: string } }).approval?.id === answer.id
      : toolPart(part)?.toolCallId === answer.toolCallId;
  for (const { id, parts } of messages) {
    const call = toolPart(parts.find((part) => toolPart(part) && isMeant(part)) ?? {});
    if (call) return { messageId: id, toolCallId: call.toolCallId };
  }
  return undefined;
}

/** The assistant message that a submit continues: the named one, else the last message. */
export function continuedMessage<UI_MESSAGE extends UIMessage>({
  trigger,
  messages,
  messageId,
}: {
  readonly trigger: string;
  readonly messages: readonly UI_MESSAGE[];
  readonly messageId?: string | undefined;
}): UI_MESSAGE | undefined {
  if (trigger === 'regenerate-message') return;
  const isAnswer = (message: UI_MESSAGE | undefined) => (message?.role === 'assistant' ? message : undefined);
  return isAnswer(messages.find(({ id }) => id === messageId)) ?? isAnswer(messages.at(-1));
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
