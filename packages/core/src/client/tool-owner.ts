import type { AbstractChat, ChatInit, UIMessage } from 'ai';
import type { ChatView } from './chat-view.ts';
import type { RealtimeChatTransport } from './realtime-chat-transport.ts';

type Callbacks<UI_MESSAGE extends UIMessage> = Pick<ChatInit<UI_MESSAGE>, 'onToolCall' | 'sendAutomaticallyWhen'>;

/**
 * Lets a chat run its client tools and go on by itself only where this device sent the run, or has taken it over.
 * Every chat of the AI SDK keeps the two callbacks in fields of these names; a test holds them to it.
 * @returns a function that puts the chat back as it was.
 */
export function giveToolsToOwner<UI_MESSAGE extends UIMessage>(
  chat: AbstractChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
  view: ChatView,
): () => void {
  const channel = transport.channel(chat.id);
  const { toolCalls } = view;
  const callbacks = chat as unknown as Callbacks<UI_MESSAGE>;
  // A chat without known runs has no owner: then it is this device.
  const isOwner = (run = view.newest) =>
    run?.runId === channel.claimedRun || (run?.from ?? transport.clientId) === transport.clientId;
  const { onToolCall, sendAutomaticallyWhen } = callbacks;
  if (onToolCall) {
    const run = async (call: Parameters<typeof onToolCall>[0]) => {
      const { toolCallId } = call.toolCall;
      // A replay in this page tells the same call again.
      if (toolCalls.has(toolCallId)) return;
      toolCalls.add(toolCallId);
      const shown = view.shownRun;
      const claim = async () => {
        const { newest } = view;
        // A page that has just loaded may stream a run before it knows whose it is.
        const run = newest?.runId === shown ? newest : (await channel.ask()).runs?.find(({ runId }) => runId === shown);
        return run && isOwner(run) && transport.claimToolCall({ chatId: chat.id, runId: run.runId, toolCallId });
      };
      if (await claim().catch(() => false)) await onToolCall(call);
      // Not now: the next replay tells it again.
      else toolCalls.delete(toolCallId);
    };
    // Not awaited: the answer streams on while the call is claimed.
    callbacks.onToolCall = (call) => void run(call).catch((error) => globalThis.reportError?.(error));
  }
  if (sendAutomaticallyWhen) callbacks.sendAutomaticallyWhen = (options) => isOwner() && sendAutomaticallyWhen(options);
  // Who answers a call or an approval on this device goes on with it here.
  const { addToolOutput, addToolApprovalResponse } = chat;
  const takeOver =
    <T>(answer: (input: T) => void | PromiseLike<void>) =>
    (input: T) => {
      // Of the run that is shown: another device may have begun the next one.
      channel.claimedRun = view.shownRun ?? view.newest?.runId;
      return answer(input);
    };
  Object.assign(chat, {
    addToolOutput: takeOver(addToolOutput),
    addToolApprovalResponse: takeOver(addToolApprovalResponse),
  });
  return () => {
    Object.assign(chat, { onToolCall, sendAutomaticallyWhen, addToolOutput, addToolApprovalResponse });
  };
}
