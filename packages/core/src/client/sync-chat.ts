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
  const restore = onlyOwner(chat, transport);
  // Kept with the channel: a chat that is put in step anew has messages that nobody else knows.
  channel.acknowledged ??= new Set(chat.messages.map((message) => message.id));
  const { acknowledged } = channel;
  let wanted: string | undefined;
  let isBehind = false;
  let placeholder: string | undefined;
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

  const fallBehind = () => {
    isBehind = channel.isBehind = true;
  };

  const isStreamedHere = (runId: string | undefined) => [...channel.runs].some((run) => run.runId === runId);

  /** Streams the wanted run as soon as the chat is idle: runs of a chat follow one another. */
  const settle = async () => {
    if (settling) return;
    settling = true;
    while ((wanted || isBehind) && !disposed) {
      // The POST may have been answered with this very run: then it streams already.
      if (isStreamedHere(wanted)) wanted = undefined;
      if (isBusy(chat)) {
        await new Promise((resolve) => setTimeout(resolve, idlePollMs));
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
      // What the app's callbacks throw is told nowhere else.
      await chat.resumeStream().catch((error) => globalThis.reportError?.(error));
    }
    settling = false;
  };

  const onUpdate = (update: ChatUpdate<UI_MESSAGE>) => {
    if (update.type === 'end') {
      const isEmpty = (message: UI_MESSAGE) => message.id === placeholder && message.parts.length === 0;
      if (chat.messages.some(isEmpty)) chat.messages = chat.messages.filter((message) => !isEmpty(message));
      placeholder = undefined;
      // It ended without having been streamed here to its end.
      if (!update.isStreamed) fallBehind();
      return void settle();
    }
    if (update.type === 'state') {
      const { state } = update;
      // An answer that streams here is newer than this state. All else is taken over at once, since the answer's end may
      // send the conversation again; where the answer has no place in it, it is read again behind the answer.
      const streaming =
        chat.status === 'streaming' ? chat.messages.findLast(({ role }) => role === 'assistant') : undefined;
      // What this device has cut away is in a state that does not know of it yet.
      const { cutting } = channel;
      const isCutting = cutting !== undefined && cutting.turn === 0 && channel.runs.has(cutting);
      // What is being sent was put together from what was shown before.
      const isSending = [...channel.runs].some((run) => run.own && run.turn === 0);
      channel.isBehind = false;
      if (streaming || isSending) fallBehind();
      if (state.messages && !isCutting && (!streaming || state.messages.some(({ id }) => id === streaming.id)))
        adopt(
          state.messages.map((message) => (message.id === streaming?.id ? streaming : message)),
          state.active?.messageId,
        );
      wanted = state.active?.runId;
      return void settle();
    }
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
  return () => {
    if (disposed) return;
    disposed = true;
    unwatch();
    restore();
  };
}

/** Whether a request of the chat is under way. */
export function isBusy(chat: { readonly status: string }): boolean {
  return chat.status === 'submitted' || chat.status === 'streaming';
}

type Callbacks<UI_MESSAGE extends UIMessage> = Pick<ChatInit<UI_MESSAGE>, 'onToolCall' | 'sendAutomaticallyWhen'>;

/** Every chat of the AI SDK keeps these two callbacks in fields of these names; a test holds them to it. */
function onlyOwner<UI_MESSAGE extends UIMessage>(
  chat: AbstractChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
): () => void {
  const callbacks = chat as unknown as Callbacks<UI_MESSAGE>;
  // A chat without known runs has no owner: then it is this device.
  const isOwner = () => (transport.channel(chat.id).owner ?? transport.clientId) === transport.clientId;
  const { onToolCall, sendAutomaticallyWhen } = callbacks;
  if (onToolCall) {
    const { toolCalls } = transport.channel(chat.id);
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
      transport.channel(chat.id).owner = transport.clientId;
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
