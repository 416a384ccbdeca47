import type { AbstractChat, ChatInit, UIMessage } from 'ai';
import type { RunStart } from '../wire/frame.ts';
import type { ChatUpdate } from './chat-update.ts';
import type { RealtimeChatTransport } from './realtime-chat-transport.ts';

/** How often a busy chat is looked at again. The AI SDK's chats have no common way to subscribe to their status. */
const idlePollMs = 16;

/**
 * Keeps an AI SDK `Chat` (React, Vue, Svelte, Angular) in step with the chat's other devices: their user messages appear, their runs stream live
 * and can be stopped here. Only the device that sent a run runs `onToolCall` and `sendAutomaticallyWhen`; `claimToolCall` takes them over.
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
  const acknowledged = new Set(chat.messages.map((message) => message.id));
  let wanted: string | undefined;
  let isBehind = false;
  let settling = false;
  let disposed = false;

  const adopt = (messages: readonly UI_MESSAGE[], messageId?: string) => {
    const own = chat.messages.filter((message) => message.role === 'user' && !acknowledged.has(message.id));
    for (const message of messages) acknowledged.add(message.id);
    const unknown = own.filter((message) => !acknowledged.has(message.id));
    const next = [...messages];
    // The answer's place is in front of what only this device has.
    if (messageId && unknown.length > 0 && next.at(-1)?.id !== messageId)
      next.push({ id: messageId, role: 'assistant', parts: [] } as unknown as UI_MESSAGE);
    chat.messages = [...next, ...unknown];
  };

  const cutAndAppend = ({ before, tail, messageId }: RunStart): boolean => {
    const index = before === null ? -1 : chat.messages.findIndex((message) => message.id === before);
    if (before !== null && index === -1) return false;
    adopt([...chat.messages.slice(0, index + 1), ...(tail as readonly UI_MESSAGE[])], messageId);
    return true;
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
    if (update.type === 'end') return;
    if (update.type === 'state') {
      const { state } = update;
      // An answer that streams here is newer than this state; what else is in it is read again behind the answer.
      if (chat.status === 'streaming') isBehind = true;
      else if (state.messages) adopt(state.messages, state.active?.messageId);
      wanted = state.active?.runId;
      return void settle();
    }
    if (!update.start) {
      for (const message of chat.messages) acknowledged.add(message.id);
      return;
    }
    wanted = update.runId;
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
    callbacks.onToolCall = async (call) => {
      const { toolCallId } = call.toolCall;
      if (isOwner() && (await transport.claimToolCall({ chatId: chat.id, toolCallId }))) await onToolCall(call);
    };
  }
  if (sendAutomaticallyWhen) callbacks.sendAutomaticallyWhen = (options) => isOwner() && sendAutomaticallyWhen(options);
  return () => Object.assign(callbacks, { onToolCall, sendAutomaticallyWhen });
}
