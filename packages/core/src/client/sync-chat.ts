import type { AbstractChat, ChatInit, UIMessage } from 'ai';
import type { RunStart } from '../wire/frame.ts';
import type { ChatUpdate } from './chat-update.ts';
import type { RealtimeChatTransport } from './realtime-chat-transport.ts';

/** How often a busy chat is looked at again. The AI SDK's chats have no common way to subscribe to their status. */
const idlePollMs = 16;

/**
 * Keeps an AI SDK `Chat` (React, Vue, Svelte, Angular) in step with the chat's other devices: their user messages appear, their runs stream live
 * and can be stopped here. Only the device that sent a run runs `onToolCall` and `sendAutomaticallyWhen`; `claimToolCall` takes them over,
 * and so does an answer that is given on this device (`addToolOutput`, `addToolApprovalResponse`).
 * The chat must have been made with `transport`.
 * @returns a function that ends the keeping in step; the chat and its runs go on.
 */
export function syncChat<UI_MESSAGE extends UIMessage>(
  chat: AbstractChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
): () => void {
  const { id: chatId } = chat;
  const channel = transport.channel(chatId);
  // Kept with the channel: a chat that is put in step anew has messages that nobody else knows.
  channel.acknowledged ??= new Set(chat.messages.map((message) => message.id));
  const { acknowledged } = channel;
  const known = knowledge.get(channel) ?? { toolCalls: new Set() };
  knowledge.set(channel, known);
  const restore = onlyOwner(chat, transport, known);
  let wanted: string | undefined;
  let isBehind = false;
  let placeholder: string | undefined;
  let isOver = false;
  let settling = false;
  let disposed = false;

  const adopt = (messages: readonly UI_MESSAGE[], messageId?: string) => {
    const own = chat.messages.filter((message) => message.role === 'user' && !acknowledged.has(message.id));
    for (const message of messages) acknowledged.add(message.id);
    const unknown = own.filter((message) => !acknowledged.has(message.id));
    const next = [...messages];
    // The answer's place is in front of what only this device has.
    if (messageId && unknown.length > 0 && next.at(-1)?.id !== messageId) {
      placeholder = messageId;
      next.push({ id: messageId, role: 'assistant', parts: [] } as unknown as UI_MESSAGE);
    }
    chat.messages = [...next, ...unknown];
  };

  const cutAndAppend = ({ before, tail, messageId }: RunStart): boolean => {
    const index = before === null ? -1 : chat.messages.findIndex((message) => message.id === before);
    if (before !== null && index === -1) return false;
    adopt([...chat.messages.slice(0, index + 1), ...(tail as readonly UI_MESSAGE[])], messageId);
    return true;
  };

  /** Once the chat has shown all of an answer: where nothing of it came, its place goes. */
  const clearPlaceholder = () => {
    const isEmpty = (message: UI_MESSAGE) =>
      message.id === placeholder && message.parts.length === 0 && message.metadata === undefined;
    if (chat.messages.some(isEmpty)) chat.messages = chat.messages.filter((message) => !isEmpty(message));
    placeholder = undefined;
  };

  const fallBehind = () => {
    isBehind = channel.isBehind = true;
  };

  const isStreamedHere = (runId: string | undefined) => [...channel.runs].some((run) => run.runId === runId);

  /** Streams the wanted run as soon as the chat is idle: runs of a chat follow one another. */
  const settle = async () => {
    if (settling) return;
    settling = true;
    while ((wanted || isBehind || isOver) && !disposed) {
      // The POST may have been answered with this very run: then it streams already.
      if (isStreamedHere(wanted)) wanted = undefined;
      if (isBusy(chat)) {
        await new Promise((resolve) => setTimeout(resolve, idlePollMs));
        continue;
      }
      if (isOver) {
        isOver = false;
        clearPlaceholder();
        continue;
      }
      if (isBehind) {
        isBehind = false;
        // The state says anew what to stream.
        wanted = undefined;
        void channel.refresh();
        continue;
      }
      channel.wanted = wanted;
      wanted = undefined;
      const { error } = chat;
      // What the app's callbacks throw is told nowhere else.
      await chat.resumeStream().catch((failure) => globalThis.reportError?.(failure));
      // A message of this device that was refused keeps its error, whatever streamed meanwhile.
      const last = chat.messages.at(-1);
      if (error && chat.status === 'ready' && last?.role === 'user' && !acknowledged.has(last.id))
        (chat as unknown as StatusSetter).setStatus({ status: 'error', error });
    }
    settling = false;
  };

  const onUpdate = (update: ChatUpdate<UI_MESSAGE>) => {
    if (update.type === 'end') {
      isOver = true;
      // It ended without having been streamed here to its end.
      if (!update.isStreamed) fallBehind();
      return void settle();
    }
    if (update.type === 'state') {
      const { state } = update;
      known.newest = state.runs?.at(-1);
      // An answer that streams here is newer than this state. All else is taken over at once, since the answer's end may
      // send the conversation again; where the answer has no place in it, it is read again behind the answer.
      const streaming =
        chat.status === 'streaming' ? chat.messages.findLast(({ role }) => role === 'assistant') : undefined;
      // What this device has cut away is in a state that does not know of it yet.
      const sending = [...channel.runs].find((run) => run.own && run.turn === 0)?.own;
      const isCutting =
        sending?.trigger === 'regenerate-message' || (sending?.messageId && sending.messages.at(-1)?.role === 'user');
      channel.isBehind = false;
      // What is being sent was put together from what was shown before.
      if (streaming || sending) fallBehind();
      if (state.messages && !isCutting && (!streaming || state.messages.some(({ id }) => id === streaming.id)))
        adopt(
          state.messages.map((message) => (message.id === streaming?.id ? streaming : message)),
          state.active?.messageId,
        );
      wanted = state.active?.runId;
      return void settle();
    }
    known.newest = { from: transport.clientId, ...update.start, runId: update.runId };
    if (!update.start) {
      for (const message of chat.messages) acknowledged.add(message.id);
      if (channel.isBehind) isBehind = true;
      return void settle();
    }
    wanted = update.runId;
    // What still streams may have been cut away, and would be shown behind what is new.
    if (isBusy(chat)) fallBehind();
    if (!cutAndAppend(update.start)) channel.refresh();
    void settle();
  };

  const unwatch = transport.watch(chatId, onUpdate);
  // After a long time without a path the stream has failed as a disconnect: what was missed is read when one is back.
  const unsubscribe = channel.subscribe(() => {
    if (!channel.getSnapshot().path || !(chat.error instanceof TypeError)) return;
    chat.clearError();
    fallBehind();
    void settle();
  });
  return () => {
    if (disposed) return;
    disposed = true;
    unwatch();
    unsubscribe();
    restore();
  };
}

/** Who runs a chat's client tools. */
interface Knowledge {
  /** The client tool calls that this page has begun. */
  readonly toolCalls: Set<string>;
  /** The newest run. The device that sent it runs its client tools, unless this one has taken it over. */
  newest?: { readonly runId: string; readonly from?: string } | undefined;
}

/** Kept with the channel, also for a chat that is put in step anew. */
const knowledge = new WeakMap<object, Knowledge>();

/** Whether a request of the chat is under way. */
export function isBusy(chat: { readonly status: string }): boolean {
  return chat.status === 'submitted' || chat.status === 'streaming';
}

/** How the AI SDK's own requests end in an error; protected, and held to by a test. */
interface StatusSetter {
  setStatus(next: { readonly status: 'error'; readonly error: Error }): void;
}

type Callbacks<UI_MESSAGE extends UIMessage> = Pick<ChatInit<UI_MESSAGE>, 'onToolCall' | 'sendAutomaticallyWhen'>;

/** Every chat of the AI SDK keeps these two callbacks in fields of these names; a test holds them to it. */
function onlyOwner<UI_MESSAGE extends UIMessage>(
  chat: AbstractChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
  known: Knowledge,
): () => void {
  const channel = transport.channel(chat.id);
  const callbacks = chat as unknown as Callbacks<UI_MESSAGE>;
  const isOwner = () => {
    const { runId, from } = known.newest ?? {};
    // A chat without known runs has no owner: then it is this device.
    return runId === channel.claimedRun || (from ?? transport.clientId) === transport.clientId;
  };
  const { onToolCall, sendAutomaticallyWhen } = callbacks;
  if (onToolCall) {
    const { toolCalls } = known;
    callbacks.onToolCall = async (call) => {
      const { toolCallId } = call.toolCall;
      // A replay in this page tells the same call again.
      if (!isOwner() || toolCalls.has(toolCallId)) return;
      toolCalls.add(toolCallId);
      // What this callback throws would end the answer. A call that could not be claimed is told again by the next replay.
      const isOurs = await transport.claimToolCall({ chatId: chat.id, toolCallId }).catch(() => undefined);
      if (isOurs) await onToolCall(call);
      else if (isOurs === undefined) toolCalls.delete(toolCallId);
    };
  }
  if (sendAutomaticallyWhen) callbacks.sendAutomaticallyWhen = (options) => isOwner() && sendAutomaticallyWhen(options);
  // Who answers a call or an approval on this device goes on with it here.
  const { addToolOutput, addToolApprovalResponse } = chat;
  const takeOver =
    <T>(answer: (input: T) => void | PromiseLike<void>) =>
    (input: T) => {
      channel.claimedRun = known.newest?.runId;
      return answer(input);
    };
  Object.assign(chat, {
    addToolOutput: takeOver(addToolOutput),
    addToolApprovalResponse: takeOver(addToolApprovalResponse),
  });
  return () => {
    Object.assign(callbacks, { onToolCall, sendAutomaticallyWhen });
    Object.assign(chat, { addToolOutput, addToolApprovalResponse });
  };
}
