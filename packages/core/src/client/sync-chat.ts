import type { AbstractChat, UIMessage } from 'ai';
import type { StartFrame } from '../wire/frame.ts';
import type { ChatSnapshot, ChatUpdate } from './chat-update.ts';
import { ChatView } from './chat-view.ts';
import type { RealtimeChatTransport } from './realtime-chat-transport.ts';
import { giveToolsToOwner } from './tool-owner.ts';

/** How often a chat that reads the rest of its stream is looked at again. The AI SDK's chats have no common way to subscribe to their status. */
const idlePollMs = 16;

/**
 * Keeps an AI SDK `Chat` (React, Vue, Svelte, Angular) in step with the chat's other devices: their user messages appear, their runs stream live
 * and can be stopped here. Only the device that sent a run runs `onToolCall` and `sendAutomaticallyWhen`; `claimToolCall` takes them over,
 * and so does an answer that is given on this device (`addToolOutput`, `addToolApprovalResponse`).
 * The chat must have been made with `transport`.
 *
 * What is shown is compared with what the log is known to have, whenever the chat is idle: the next turn is applied and streamed where that is
 * all that lacks, and the chat's state is taken over in every other case.
 * @returns a function that ends the keeping in step; the chat and its runs go on.
 */
export function syncChat<UI_MESSAGE extends UIMessage>(
  chat: AbstractChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
): () => void {
  const channel = transport.channel(chat.id);
  channel.view ??= new ChatView(channel, chat.messages);
  const { view } = channel;
  const { acknowledged } = view;
  const giveBack = giveToolsToOwner(chat, transport, view);
  let placeholder: string | undefined;
  let resumed: string | undefined;
  let isRunning = false;
  let isDisposed = false;

  const isUnsent = ({ id, role }: UI_MESSAGE) => role === 'user' && !acknowledged.has(id);

  /** Shows a conversation, with what only this device has behind it. */
  const show = (messages: readonly UI_MESSAGE[], answerId: string | undefined) => {
    const own = chat.messages.filter(isUnsent);
    for (const { id } of messages) acknowledged.add(id);
    const unsent = own.filter(isUnsent);
    const next = [...messages];
    placeholder = undefined;
    // The answer's place is in front of what only this device has.
    if (answerId && unsent.length > 0 && !next.some(({ id }) => id === answerId)) {
      placeholder = answerId;
      next.push({ id: answerId, role: 'assistant', parts: [] } as unknown as UI_MESSAGE);
    }
    chat.messages = [...next, ...unsent];
  };

  /** Takes over a state, where that takes nothing away from a request that is under way. */
  const takeOver = ({ turn, active, messages }: ChatSnapshot<UI_MESSAGE>) => {
    view.set(undefined, false, !isBusy(chat));
    const sending = [...channel.runs].find((run) => run.own && run.turn === 0)?.own;
    // What a regenerate or an edit has cut away is in a state that does not know of it yet.
    if (
      sending &&
      (sending.trigger === 'regenerate-message' || (sending.messageId && sending.messages.at(-1)?.role === 'user'))
    )
      return;
    // The stream goes on in its own message, which may be an earlier one; all others are the state's.
    const isStreaming = chat.status === 'streaming';
    const keptId = sending && !isStreaming ? sending.messageId : active?.messageId;
    const kept = chat.messages.find(({ id, role }) => role === 'assistant' && id === keptId);
    if (isBusy(chat) && !sending && !view.isShowing(turn)) return;
    if (kept && messages?.every(({ id }) => id !== kept.id) && isBusy(chat)) return;
    // A stream that is only awaited has nothing that the state lacks.
    const keeps = isStreaming || (sending && isBusy(chat));
    if (messages)
      show(keeps ? messages.map((message) => (message.id === kept?.id ? kept : message)) : messages, active?.messageId);
    view.set(turn, !active && !isStreaming, !isBusy(chat));
    // A stream that had no path for long has failed as a disconnect: what it missed is shown now.
    const last = chat.messages.at(-1);
    if (chat.error instanceof TypeError && !(last && isUnsent(last))) chat.clearError();
  };

  /** Shows the question of the next turn. False where it does not fit behind what is shown. */
  const apply = ({ turn, start: { before, tail, messageId } }: StartFrame): boolean => {
    const at = chat.messages.findIndex(({ id }) => id === before);
    if (!tail || (before !== null && at < 0)) return false;
    show([...chat.messages.slice(0, at + 1), ...(tail as readonly UI_MESSAGE[])], messageId);
    view.set(turn, false, true);
    return true;
  };

  /** One step from what is shown to what the log has. False: there is none to take now. */
  const step = async (): Promise<boolean> => {
    if (isBusy(chat)) {
      const streams = [...channel.runs].map(({ closed }) => closed);
      await (streams.length > 0 ? Promise.race(streams) : new Promise((resolve) => setTimeout(resolve, idlePollMs)));
      return true;
    }
    const { turn = 0, start, active } = channel;
    const shown = view.turn;
    if (view.isWhole && shown !== undefined) {
      clearPlaceholder();
      view.set(shown, true, true);
      if (shown >= turn) return false;
      if (start?.turn === shown + 1 && apply(start)) return true;
    } else if (shown !== undefined) {
      const runId = active?.turn === shown ? active.runId : start?.turn === shown ? start.run : undefined;
      if (runId && runId === channel.letGo) {
        // Its end is told; what it came to is read then.
        if (active) return false;
      } else if (runId) {
        await resume(runId);
        // It was not streamed to its end: the state says what has become of it.
        if (view.turn === shown && !view.isWhole) view.lose();
        return true;
      }
    }
    view.lose();
    await channel.refresh();
    // What was sent meanwhile keeps the state from being taken over: it is looked at again behind that.
    return view.turn !== undefined || isBusy(chat);
  };

  /** Where nothing of the answer came, its place goes. */
  const clearPlaceholder = () => {
    const isEmpty = ({ id, parts, metadata }: UI_MESSAGE) =>
      id === placeholder && parts.length === 0 && metadata === undefined;
    if (chat.messages.some(isEmpty)) chat.messages = chat.messages.filter((message) => !isEmpty(message));
    placeholder = undefined;
  };

  const resume = async (runId: string) => {
    // A run that cannot be streamed is not asked for in a hot loop.
    if (resumed === runId) await channel.pause();
    resumed = runId;
    if (isBusy(chat)) return;
    const { error } = chat;
    channel.wanted = runId;
    // What the app's callbacks throw is told nowhere else.
    await chat.resumeStream().catch((failure) => globalThis.reportError?.(failure));
    // A message of this device that was refused keeps its error, whatever streamed meanwhile.
    const last = chat.messages.at(-1);
    if (error && chat.status === 'ready' && last && isUnsent(last))
      (chat as unknown as StatusSetter).setStatus({ status: 'error', error });
  };

  const catchUp = async () => {
    if (isRunning) return;
    isRunning = true;
    try {
      while (!isDisposed && (await step()));
    } finally {
      isRunning = false;
    }
  };

  const unwatch = transport.watch(chat.id, (update: ChatUpdate<UI_MESSAGE>) => {
    if (update.type === 'state') {
      view.newest = update.state.runs?.at(-1);
      takeOver(update.state);
    }
    if (update.type === 'start') view.newest = { ...update.start, runId: update.runId };
    void catchUp();
  });
  return () => {
    if (isDisposed) return;
    isDisposed = true;
    unwatch();
    giveBack();
  };
}

/** Whether a request of the chat is under way. */
export function isBusy(chat: { readonly status: string }): boolean {
  return chat.status === 'submitted' || chat.status === 'streaming';
}

/** How the AI SDK's own requests end in an error; protected, and held to by a test. */
interface StatusSetter {
  setStatus(next: { readonly status: 'error'; readonly error: Error }): void;
}
