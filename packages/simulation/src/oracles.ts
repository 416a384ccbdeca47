import { ChatTransportError } from '@chat-transport/core';
import type { RunRecord } from '@chat-transport/core/provider';
import { unfinishedToolText } from '@chat-transport/core/server';
import { isToolUIPart, type UIMessage, type UIMessageChunk } from 'ai';
import { brief } from './brief.ts';
import { isSameJson, json } from './json.ts';
import { isTaskTool, taskOf } from './model.ts';
import { PlainChat, type Tab } from './tab.ts';
import { chatId, strangerName, type World } from './world.ts';
import { compareWithModels, judgeShape } from './written.ts';

/** A run as the log has it at the end. */
interface Recorded {
  readonly run: RunRecord;
  readonly chunks: readonly UIMessageChunk[];
  /** What a device folds that reads the run without any fault. */
  readonly answer: UIMessage | undefined;
}

/** What stops writers: only then is a run lost, or its end told twice. */
const stoppingKinds = ['server-killed', 'server-restarted', 'server-frozen', 'log-failed'] as const;

/** What must hold when all faults are over and nothing is under way. Answers what does not. */
export async function judge(world: World, tabs: readonly Tab[]): Promise<string[]> {
  const { ledger } = world;
  const wrong = [...ledger.violations];
  const recorded: Recorded[] = [];
  let conversation: UIMessage[] = [];
  let last = ledger.deletedTurn;
  for (const [turn, { run: begun, messages }] of [...ledger.begun].sort(([a], [b]) => a - b)) {
    if (turn <= ledger.deletedTurn) {
      for (const { id } of messages) ledger.cut.add(id);
      for (const { id } of messages) ledger.deletedIds.add(id);
      continue;
    }
    if (turn !== last + 1) wrong.push(`Turn ${turn} follows turn ${last}.`);
    last = turn;
    const isLate = (id: string): boolean => ledger.resent.has(id) || ledger.sends.get(id)?.state === 'stopped';
    if (messages.some(({ id }) => ledger.deletedIds.has(id) && !isLate(id)))
      wrong.push(`Turn ${turn} brings back what was deleted.`);
    if (messages.some(({ parts }) => parts.some((part) => part.type === 'text' && part.text === strangerName)))
      wrong.push(`Turn ${turn} has what a stranger wrote.`);
    const { frames, run } = await world.log.read({ chatId, runId: begun.runId }, { from: 0 });
    const chunks = frames.flatMap((frame) => [...frame.chunks]);
    const lacks = [...compareWithModels(world, run, frames), ...judgeShape(chunks)];
    for (const lack of lacks) wrong.push(`Run ${run.runId} (${run.end?.reason}): ${lack}`);
    const script = ledger.scripts.get(run.runId);
    if (!script && run.end?.reason === 'finish' && !isRecording(run, conversation))
      wrong.push(`Run ${run.runId} finished without a model.`);
    const mayBeCancelled =
      ledger.cancelled.has(run.runId) || ledger.cancelledUnknown || world.settings.onBusy === 'interrupt';
    if (run.end?.reason === 'cancel' && !mayBeCancelled) wrong.push(`Nobody cancelled run ${run.runId}.`);
    if (ledger.cancelReceipts.has(run.runId) && run.end?.reason !== 'cancel')
      wrong.push(`The cancel of run ${run.runId} was delivered, and it ended as ${run.end?.reason}.`);
    if (!run.end) wrong.push(`Run ${run.runId} has not ended.`);
    const mayBeLost = stoppingKinds.some((kind) => world.faults.isOn(kind));
    if (run.end?.reason === 'lost' && !mayBeLost) wrong.push(`Run ${run.runId} was lost, and its writer lived.`);
    const told = ledger.finished.get(run.runId);
    if (!told) wrong.push(`onFinish was never called for run ${run.runId} (${run.end?.reason}).`);
    else if (run.end && told.at(-1) !== run.end.reason)
      wrong.push(`onFinish last heard ${told} of run ${run.runId}, not ${run.end.reason}.`);
    else if (told.includes('lost') && run.end?.reason !== 'lost')
      wrong.push(`onFinish heard that run ${run.runId} was lost, and it ended as ${run.end?.reason}.`);
    // A cancel may come while the app saves the answer as finished: the last call counts.
    else if (told.length > (run.end?.reason === 'cancel' && told[0] !== 'cancel' ? 2 : 1) && !mayBeLost)
      wrong.push(`onFinish heard ${told} of run ${run.runId}: more than one end.`);

    const before = run.start.before === null ? -1 : conversation.findIndex(({ id }) => id === run.start.before);
    if (before === -1 && run.start.before !== null)
      wrong.push(`Run ${run.runId} begins behind ${run.start.before}, which is not there.`);
    const question = [...conversation.slice(0, before + 1), ...run.start.tail];
    if (!isSameJson(question, messages))
      wrong.push(
        `Run ${run.runId} answers\n    ${brief(messages)}\n  devices have\n    ${brief(question)}${difference(messages, question)}`,
      );
    const continued = run.start.tail.find(({ id }) => id === run.start.messageId);
    const folded = chunks.length === 0 ? continued : await foldFaultFree(run, continued, chunks);
    const answer = folded && run.end?.reason !== 'finish' ? withCallsClosed(folded) : folded;
    recorded.push({ run, chunks, answer });
    conversation = answer ? withAnswer([...messages], answer) : [...messages];
  }
  wrong.push(...judgeSends(world, conversation));
  wrong.push(...judgeTools(world, conversation));
  wrong.push(...judgeTasks(world, recorded));
  wrong.push(...judgeApprovals(world, conversation));
  wrong.push(...judgeSteers(world, recorded, tabs));
  for (const tab of tabs) wrong.push(...judgeTab(world, tab, conversation));
  return wrong;
}

/**
 * Whether a run only records an answer to one of several approvals of a message, which may have others behind it. It brings no question: no model
 * would answer that. `conversation`: what the chat had before.
 */
function isRecording({ start }: RunRecord, conversation: readonly UIMessage[]): boolean {
  const continued = start.tail.find(({ id }) => id === start.messageId);
  const isWaiting = continued?.parts.some((part) => isToolUIPart(part) && part.state === 'approval-requested');
  return isWaiting === true && start.tail.every(({ id }) => conversation.some((known) => known.id === id));
}

/** Where two conversations part. */
function difference(one: readonly UIMessage[], other: readonly UIMessage[]): string {
  const at = one.findIndex((message, index) => !isSameJson(message, other[index]));
  const [a = 'nothing', b = 'nothing'] = [one.at(at), other.at(at)].map((message) => message && json(message));
  const from = Math.max(0, [...a].findIndex((_, index) => a[index] !== b[index]) - 60);
  return `\n  message ${at} differs:\n    ${a.slice(from, from + 300)}\n    ${b.slice(from, from + 300)}`;
}

function withAnswer(messages: UIMessage[], answer: UIMessage): UIMessage[] {
  const at = messages.findIndex(({ id }) => id === answer.id);
  return at < 0 ? [...messages, answer] : messages.with(at, answer);
}

/** A message of a run that did not finish: what it left open is closed, so that it can be sent to a model. */
function withCallsClosed(message: UIMessage): UIMessage {
  const parts = message.parts.map((part) => {
    const isOpen =
      isToolUIPart(part) &&
      (part.state === 'input-streaming' ||
        part.state === 'input-available' ||
        (part.state === 'approval-responded' && part.approval.approved));
    return isOpen
      ? ({ ...part, state: 'output-error', errorText: unfinishedToolText } as UIMessage['parts'][number])
      : part;
  });
  return { ...message, parts };
}

/** The run's answer by the AI SDK's own chat, from a stream without faults. */
async function foldFaultFree(
  run: RunRecord,
  continued: UIMessage | undefined,
  chunks: readonly UIMessageChunk[],
): Promise<UIMessage | undefined> {
  const chat = new PlainChat({
    id: 'fault-free',
    messages: continued ? [structuredClone(continued)] : [],
    generateId: () => run.start.messageId,
    transport: {
      sendMessages: async () =>
        new ReadableStream<UIMessageChunk>({
          start: (controller) => {
            for (const chunk of structuredClone(chunks)) controller.enqueue(chunk);
            controller.close();
          },
        }),
      reconnectToStream: async () => null,
    },
  } as never);
  await chat.sendMessage(undefined);
  return chat.messages.at(-1);
}

function judgeSends({ ledger }: World, conversation: readonly UIMessage[]): string[] {
  const wrong: string[] = [];
  for (const send of ledger.sends.values()) {
    const count = conversation.filter(({ id }) => id === send.messageId).length;
    if (count > 1) wrong.push(`Message ${send.text} is ${count} times in the chat.`);
    if (count === 0 && send.state === 'accepted' && !ledger.cut.has(send.messageId))
      wrong.push(`Message ${send.text} of ${send.device} was accepted and is lost.`);
  }
  return wrong;
}

function judgeTools({ ledger }: World, _conversation: readonly UIMessage[]): string[] {
  const wrong: string[] = [];
  for (const [toolCallId, runs] of ledger.toolRuns) {
    const devices = new Set(runs.map(({ device }) => device));
    const [runId] =
      [...ledger.scripts].find(([, said]) =>
        said.some(({ chunks }) => chunks.some((chunk) => 'toolCallId' in chunk && chunk.toolCallId === toolCallId)),
      ) ?? [];
    const sender = [...ledger.begun.values()].find(({ run }) => run.runId === runId)?.run.start.from;
    if (!devices.has(sender ?? '')) wrong.push(`Tool call ${toolCallId} of ${sender} ran on ${[...devices]}.`);
    if (devices.size > 1) wrong.push(`Tool call ${toolCallId} ran on ${[...devices].join(' and ')}.`);
    const tabs = new Set(runs.map(({ tab }) => tab));
    if (tabs.size < runs.length) wrong.push(`Tool call ${toolCallId} ran ${runs.length} times in one page.`);
  }
  return wrong;
}

/** A steer is in at most one answer, once; and its user is told whether it is. */
function judgeSteers({ ledger }: World, recorded: readonly Recorded[], tabs: readonly Tab[]): string[] {
  const wrong: string[] = [];
  for (const [text, { tab, takenBy, outcome }] of ledger.steers) {
    const kept = recorded.filter(({ chunks }) => chunks.some((chunk) => isSteer(chunk, text)));
    const reason = recorded.find(({ run }) => run.runId === takenBy[0]?.runId)?.run.end?.reason;
    // The next writer of a run gets again what the log does not have.
    if (new Set(takenBy.map(({ runId }) => runId)).size > 1) wrong.push(`Steer ${text} was given to two runs.`);
    if (new Set(takenBy.map(({ attempt }) => attempt)).size < takenBy.length)
      wrong.push(`Steer ${text} was given to the model ${takenBy.length} times.`);
    const times = kept.flatMap(({ chunks }) => chunks.filter((chunk) => isSteer(chunk, text))).length;
    if (times > 1) wrong.push(`Steer ${text} is ${times} times in its answer.`);
    if (!outcome && tabs.some(({ name }) => name === tab)) wrong.push(`Steer ${text} of ${tab} has no outcome.`);
    // No response for long, or a log that failed for long; or it was faster than the send of its run.
    if (
      ChatTransportError.isInstance(outcome) &&
      !['network', 'provider-failed', 'not-found', 'forbidden'].includes(outcome.code)
    )
      wrong.push(`Steer ${text} failed: ${outcome.code}, ${outcome.message}`);
    if (!outcome || outcome instanceof Error) continue;
    const isDelivered = outcome.outcome === 'delivered';
    if (isDelivered && takenBy.length === 0) wrong.push(`Steer ${text} was delivered, and no model got it.`);
    if (isDelivered && kept.length === 0 && reason === 'finish')
      wrong.push(`Steer ${text} was delivered and is not in its answer.`);
    if (!isDelivered && kept.length > 0)
      wrong.push(`Steer ${text} was ${json(outcome)}, and it is in an answer that ended as ${reason}.`);
  }
  return wrong;
}

const outputTypes: ReadonlySet<string> = new Set(['tool-output-available', 'tool-output-error']);

function isSteer(chunk: UIMessageChunk, text: string): boolean {
  return chunk.type === 'steering-message' && json(chunk.parts).includes(`"${text}"`);
}

/** No task is done twice that may not be, however many writers its run had; a run that finished has an output for each call. */
function judgeTasks({ ledger }: World, recorded: readonly Recorded[]): string[] {
  const wrong: string[] = [];
  for (const [task, { runId, mayRepeat, done }] of ledger.tasks) {
    if (done > 1 && !mayRepeat) wrong.push(`The tools of run ${runId} did ${task} ${done} times.`);
  }
  for (const { run, chunks } of recorded) {
    if (run.end?.reason !== 'finish') continue;
    for (const chunk of chunks) {
      if (chunk.type !== 'tool-input-available' || !isTaskTool(chunk.toolName)) continue;
      const { toolCallId } = chunk;
      const output = chunks.find(
        (other) => outputTypes.has(other.type) && 'toolCallId' in other && other.toolCallId === toolCallId,
      );
      const isDone = (ledger.tasks.get(taskOf(chunk.input))?.done ?? 0) > 0;
      if (!output) wrong.push(`Run ${run.runId} finished without an output of ${toolCallId}.`);
      if (output?.type === 'tool-output-available' && !isDone)
        wrong.push(`Call ${toolCallId} has an output, and no tool ran.`);
      if (chunk.toolName === 'find' && output?.type !== 'tool-output-available')
        wrong.push(`Call ${toolCallId} was not run again.`);
    }
  }
  return wrong;
}

/** What was denied has not run. What was approved has run or failed, once all of its message is answered, unless people have gone on without it. */
function judgeApprovals({ ledger }: World, conversation: readonly UIMessage[]): string[] {
  const wrong: string[] = [];
  for (const [id, { task, approved }] of ledger.approvals) {
    if (!approved && (ledger.tasks.get(task)?.done ?? 0) > 0) wrong.push(`${task} was done without ${id}.`);
  }
  const calls = conversation.at(-1)?.parts.filter(isToolUIPart) ?? [];
  if (calls.some(({ state }) => state === 'approval-requested')) return wrong;
  for (const { state, toolCallId, approval } of calls)
    if (state === 'approval-responded' && approval.approved)
      wrong.push(`Call ${toolCallId} was approved, and nothing came of it.`);
  return wrong;
}

/** How often a chat asks while nothing happens: once for each long-poll, in milliseconds. */
const quietAskMs = 25_000;

/** How many requests a chat makes that goes over to another path: a connection that broke while there were faults may be noticed behind them. */
const asksOfOneChange = 3;

/** A page with many chats, in which nobody writes, is connected to all of them, and asks the server for none more than it must. */
export function judgeCrowd(
  { name, network, crowdPaths }: Tab,
  requestsBefore: ReadonlyMap<string, number>,
  ms: number,
): string[] {
  const wrong: string[] = [];
  const lost = crowdPaths.filter((path) => path === null).length;
  if (lost > 0) wrong.push(`${name} is not connected to ${lost} of its ${crowdPaths.length} other chats.`);
  for (const [chat, count] of network.requests) {
    const made = count - (requestsBefore.get(chat) ?? 0);
    if (made > ms / quietAskMs + asksOfOneChange) wrong.push(`${name} made ${made} requests for ${chat} in ${ms} ms.`);
  }
  return wrong;
}

/** Who has no access sees what they wrote themselves, and nobody else does. */
export function judgeStranger(stranger: Tab | undefined): string[] {
  const others = stranger?.chat.messages.filter(
    ({ role, parts }) => role !== 'user' || parts.some((part) => part.type === 'text' && part.text !== strangerName),
  );
  return others && others.length > 0 ? [`A stranger sees ${brief(others)}.`] : [];
}

function judgeTab(world: World, tab: Tab, conversation: readonly UIMessage[]): string[] {
  const wrong: string[] = [];
  const { chat, name } = tab;
  if (tab.isBusy) wrong.push(`${name} is still ${chat.status}.`);
  const known = new Set(conversation.map(({ id }) => id));
  // What this device sent and the server did not take is still shown here, and only here.
  const shown = chat.messages
    .filter(({ id, role }) => known.has(id) || role !== 'user' || !isUnsent(world, tab, id))
    .map((message) => withoutUnread(withoutUnsentAnswers(world, tab, message, conversation)));
  const logged = conversation.map(withoutUnread);
  if (isSameJson(shown, logged)) return wrong;
  wrong.push(
    `${name} (${chat.status}, ${tab.connection}) shows\n    ${brief(chat.messages)}\n  and the log has\n    ${brief(conversation)}${difference(shown, logged)}`,
  );
  return wrong;
}

/**
 * Without what nothing reads, and what only some devices have: of a call that asked for approval the text of its input, of a call that failed
 * without an input the `null` that says so, and of an edited message the field by which `sendMessage` was told which one it is.
 */
function withoutUnread(message: UIMessage): UIMessage {
  const parts = message.parts.map((part) => {
    if (!isToolUIPart(part)) return part;
    if (part.state === 'output-error' && part.input === null) return { ...part, input: undefined };
    return part.approval ? { ...part, rawInput: undefined } : part;
  });
  return { ...message, parts, messageId: undefined } as UIMessage;
}

/** A tool call that was answered here and that nothing was sent for, as after a stop, is answered here and only here. */
function withoutUnsentAnswers(
  world: World,
  tab: Tab,
  message: UIMessage,
  conversation: readonly UIMessage[],
): UIMessage {
  const others = conversation.find(({ id }) => id === message.id)?.parts ?? [];
  const parts = message.parts.map((part, at) => {
    const other = others[at];
    if (!('toolCallId' in part && other && 'toolCallId' in other)) return part;
    if (other.state === 'approval-requested' && other.approval)
      return world.ledger.approvals.get(other.approval.id)?.answeredBy.has(tab.name) ? other : part;
    if (other.state !== 'input-available') return part;
    const runs = world.ledger.toolRuns.get(part.toolCallId);
    return runs?.some((run) => run.answered && run.tab === tab.name) ? other : part;
  });
  return { ...message, parts };
}

function isUnsent(world: World, tab: Tab, id: string): boolean {
  const send = world.ledger.sends.get(id);
  return send?.device === tab.device.name && send.state !== 'accepted';
}
