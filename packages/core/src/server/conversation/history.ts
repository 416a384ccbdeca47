import { getToolName, isToolUIPart, type UIMessage } from 'ai';
import { canonicalJson } from '../../wire/canonical-json.ts';
import type { RunStart } from '../../wire/frame.ts';
import type { KnownMessages } from './known-messages.ts';

type ToolPart = Extract<UIMessage['parts'][number], { toolCallId: string }>;

/** What a send asks for, once its messages are known to be sound. */
export interface SendIntent {
  readonly trigger: 'submit-message' | 'regenerate-message';
  readonly messageId?: string | undefined;
}

/**
 * The conversation's end that other devices may lack, and the id of the message in front of it. `known`: the messages that the chat has. `answered`: those whose message the
 * sender's client has added to.
 * PROTOCOL.md section 3.
 */
export function tailOf(
  messages: readonly UIMessage[],
  intent: SendIntent,
  known: KnownMessages,
  answered: ReadonlySet<string> = new Set(),
): Pick<RunStart, 'before' | 'tail'> {
  const newest = tailIndex(messages, intent, known);
  // A message that was refused before may be in front of an answer that its sender has seen since.
  const isNew = (message: UIMessage, index: number) =>
    message.role === 'user' && !known.isEmpty && !known.has(message, index);
  const changed = messages.findIndex((message, index) => answered.has(message.id) || isNew(message, index));
  const at = changed < 0 ? newest : Math.min(changed, newest);
  return { before: messages[at - 1]?.id ?? null, tail: messages.slice(at) };
}

/** The assistant message that a send continues, if it continues one. */
export function continuedMessage(messages: readonly UIMessage[], intent: SendIntent): UIMessage | undefined {
  if (intent.trigger === 'regenerate-message') return;
  const named = intent.messageId === undefined ? undefined : messages.find(({ id }) => id === intent.messageId);
  if (named?.role === 'assistant') return named;
  const last = messages.at(-1);
  return last?.role === 'assistant' ? last : undefined;
}

function tailIndex(messages: readonly UIMessage[], intent: SendIntent, known: KnownMessages): number {
  // A message that was refused before may be sent again by a regenerate: others do not have it.
  if (intent.trigger === 'regenerate-message') {
    return messages.findLastIndex((message, index) => message.role === 'assistant' || known.has(message, index)) + 1;
  }
  const continued = continuedMessage(messages, intent);
  if (continued) return messages.indexOf(continued);
  return messages.findLastIndex(({ role }) => role === 'assistant') + 1;
}

/** The assistant message that a run continues, from its start. */
export function continuedBy({ tail, messageId }: RunStart): UIMessage | undefined {
  return tail.find(({ id, role }) => id === messageId && role === 'assistant');
}

/** The conversation with `message` in the place of the one that has its id, else at the end. */
function withMessage(messages: readonly UIMessage[], message: UIMessage): UIMessage[] {
  const at = messages.findIndex(({ id }) => id === message.id);
  return at < 0 ? [...messages, message] : messages.with(at, message);
}

/**
 * The conversation after a run, seen from a base that may be older or newer than the run: cut after the run's `before`,
 * then its tail and its answer. A base that already has the answer's message only gets the newer text of it.
 */
export function withRun(base: readonly UIMessage[], start: RunStart, answer: UIMessage | undefined): UIMessage[] {
  const continued = continuedBy(start);
  if (!continued && answer && base.some(({ id }) => id === answer.id)) return withMessage(base, answer);
  const before = start.before === null ? -1 : base.findIndex(({ id }) => id === start.before);
  // A base that lacks `before` cannot be cut: what is missing of the tail goes to its end.
  const known = before >= 0 || start.before === null;
  const kept = known ? base.slice(0, before + 1) : base.filter(({ id }) => !start.tail.some((own) => own.id === id));
  const messages = [...kept, ...start.tail];
  return answer ? withMessage(messages, answer) : messages;
}

/** Whether a message waits for its client: a client tool without an output, or an approval without a response. */
export function waitsForClient(message: UIMessage): boolean {
  return message.parts.some(
    (part) =>
      isToolUIPart(part) &&
      (part.state === 'approval-requested' || (part.state === 'input-available' && !part.providerExecuted)),
  );
}

/**
 * Whether a client's copy of a message comes too late: the server's has another answer to one of its calls, and waits for none. The first answer
 * counts.
 */
export function isOverruled(server: UIMessage, client: UIMessage): boolean {
  if (waitsForClient(server)) return false;
  const answers = new Map(client.parts.filter(isToolUIPart).map((part) => [part.toolCallId, part]));
  return server.parts.some((part) => {
    const answer = isToolUIPart(part) ? answers.get(part.toolCallId) : undefined;
    return isToolUIPart(part) && answer !== undefined && hasOtherAnswer(part, answer);
  });
}

function hasOtherAnswer(part: ToolPart, answer: ToolPart): boolean {
  const approved = part.approval?.approved;
  const isOther = approved !== undefined && answer.approval?.approved === !approved;
  if (isOther || part.state !== 'output-available' || answer.state !== 'output-available') return isOther;
  const isPreliminary = part.preliminary || answer.preliminary;
  return !isPreliminary && canonicalJson(part.output) !== canonicalJson(answer.output);
}

/**
 * The server's copy of an assistant message with what only a client can add: outputs of its open tool calls and
 * responses to its open approvals. Nothing else of the client's copy is taken; of a tool that the server runs, no output either.
 */
export function mergeClientAnswers(
  server: UIMessage,
  client: UIMessage,
  isServerTool: (toolName: string) => boolean = () => false,
): UIMessage {
  const answers = new Map(client.parts.filter(isToolUIPart).map((part) => [part.toolCallId, part]));
  const parts = server.parts.map((part) => {
    if (!isToolUIPart(part)) return part;
    const answer = answers.get(part.toolCallId);
    return answer ? answered(part, answer, isServerTool(getToolName(part))) : part;
  });
  return { ...server, parts };
}

function answered(part: ToolPart, answer: ToolPart, isServers: boolean): ToolPart {
  const approval = approvalOf(part, answer);
  if (part.state === 'approval-requested' && !approval) return part;
  const isOpen =
    part.state === 'input-available' || part.state === 'approval-requested' || part.state === 'approval-responded';
  if (!isOpen || part.providerExecuted || isServers) {
    return part.state === 'approval-requested' && approval
      ? ({ ...part, state: 'approval-responded', approval } as ToolPart)
      : part;
  }
  const hasOutput = answer.state === 'output-available' || answer.state === 'output-error';
  // An output needs the approval that its call asked for.
  if (hasOutput && approval?.approved !== false) {
    const { state, output, errorText } = answer as { state: string; output?: unknown; errorText?: string };
    return { ...part, state, output, errorText, ...(approval && { approval }) } as ToolPart;
  }
  return part.state === 'approval-requested' ? ({ ...part, state: 'approval-responded', approval } as ToolPart) : part;
}

/** The approval after the answer: the server's own request, with the client's decision if it was open. */
function approvalOf(part: ToolPart, answer: ToolPart): { id: string; approved?: boolean; reason?: string } | undefined {
  if (part.state !== 'approval-requested') return part.approval;
  const { approval } = answer;
  if (!approval || approval.id !== part.approval.id || typeof approval.approved !== 'boolean') return;
  const { approved, reason } = approval;
  return { ...part.approval, approved, ...(typeof reason === 'string' && { reason }) };
}

/** What a send's messages come to when the server has the history. `undefined`: it continues a message that nobody knows. */
export function composeFromHistory(
  head: readonly UIMessage[],
  sent: readonly UIMessage[],
  intent: SendIntent,
  isServerTool?: (toolName: string) => boolean,
): UIMessage[] | undefined {
  const { trigger, messageId } = intent;
  if (trigger === 'regenerate-message') return cutForRegenerate(head, messageId, sent);
  const named = messageId === undefined ? -1 : head.findIndex(({ id }) => id === messageId);
  // An edit may give the message another id.
  const own = sent.find(({ id }) => id === messageId) ?? sent.findLast(({ role }) => role === 'user');
  if (named >= 0 && head[named]?.role === 'user')
    return own ? [...head.slice(0, named), own] : head.slice(0, named + 1);
  const continued = continuedMessage(sent, intent);
  if (continued) {
    const at = head.findIndex(({ id, role }) => id === continued.id && role === 'assistant');
    const server = head[at];
    return server && appendNew(head.with(at, mergeClientAnswers(server, continued, isServerTool)), sent);
  }
  return appendNew(head, sent);
}

/** Only messages of a user are taken from a client, and only the ones behind its last assistant message. */
function appendNew(head: readonly UIMessage[], sent: readonly UIMessage[]): UIMessage[] {
  const fresh = sent.slice(sent.findLastIndex(({ role }) => role === 'assistant') + 1);
  return [...head, ...fresh.filter((message) => message.role === 'user' && !head.some(({ id }) => id === message.id))];
}

function cutForRegenerate(
  head: readonly UIMessage[],
  messageId: string | undefined,
  sent: readonly UIMessage[],
): UIMessage[] | undefined {
  const named = head.findIndex(({ id }) => id === messageId);
  if (named >= 0) return head.slice(0, head[named]?.role === 'assistant' ? named : named + 1);
  // The AI SDK's chats have cut already: the last message that is known here says where. A message that was refused before may follow.
  if (sent.length > 0) {
    const last = sent.findLast(({ id }) => head.some((message) => message.id === id));
    if (!last && head.length > 0) return;
    return appendNew(head.slice(0, head.findIndex(({ id }) => id === last?.id) + 1), sent);
  }
  if (messageId !== undefined) return;
  return head.slice(0, head.at(-1)?.role === 'assistant' ? -1 : head.length);
}
