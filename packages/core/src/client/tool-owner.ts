import type { ChatInit, UIMessage } from 'ai';
import type { KnownRun } from './ledger/server-side.ts';
import { shownTurn } from './ledger/shown.ts';
import { answeredCalls, callOf, isSettledCall, waitsForAnswers } from './own-answers.ts';
import { takeCall } from './page-calls.ts';
import { asDisconnect } from './persist.ts';
import type { RealtimeChatTransport } from './realtime-chat-transport.ts';
import type { SyncableChat } from './syncable-chat.ts';

type Callbacks<UI_MESSAGE extends UIMessage> = Pick<ChatInit<UI_MESSAGE>, 'onToolCall' | 'sendAutomaticallyWhen'>;

/** A callback that stands for the function that `current` returns: there may be another one, or none, at each call. */
type StandIn<CALLBACK> = CALLBACK & { readonly current?: () => CALLBACK | undefined };

/** A callback for a chat whose callbacks come and go. Without one at the moment, it is as if the chat had been made without it. */
export function standIn<INPUT, RESULT>(
  current: () => ((input: INPUT) => RESULT) | undefined,
): (input: INPUT) => RESULT {
  // The AI SDK takes no result for `false`.
  return Object.assign((input: INPUT) => current()?.(input) as RESULT, { current });
}

function currentOf<CALLBACK>(callback: StandIn<CALLBACK>): CALLBACK | undefined {
  return callback.current ? callback.current() : callback;
}

type ClaimableRun = Pick<KnownRun, 'runId' | 'from' | 'messageId'>;

/**
 * Lets a chat run its client tools and go on by itself only where this device sent the run, or has taken it over.
 * Every chat of the AI SDK keeps the two callbacks in fields of these names; a test holds them to it.
 * @returns a function that puts the chat back as it was.
 */
export function giveToolsToOwner<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
): () => void {
  const session = transport.session(chat.id);
  const callbacks = chat as unknown as Callbacks<UI_MESSAGE>;
  // Without a known run, this device owns the chat.
  const isOwner = (run: Pick<KnownRun, 'runId' | 'from'> | undefined = session.ledger.server.newest) =>
    !run || run.runId === session.ledger.claimedRun || (run.from ?? transport.clientId) === transport.clientId;
  const shownRun = () => {
    const { stream } = session.ledger.shown;
    return stream.kind === 'none' ? undefined : stream.runId;
  };
  const { onToolCall, sendAutomaticallyWhen } = callbacks;
  if (onToolCall) {
    const run = async (call: Parameters<typeof onToolCall>[0]) => {
      const callback = currentOf(onToolCall);
      // A call is claimed for a device that can run it; any other leaves it to the others.
      if (!callback) return;
      const { toolCallId } = call.toolCall;
      const key = [transport.clientId, chat.id, toolCallId].join('\n');
      const shown = shownRun();
      const claim = async () => {
        const { newest } = session.ledger.server;
        // Of several requests of the chat, the stream that was handed to it last may be another one's.
        const messageId = callOf(chat.messages, { toolCallId })?.messageId;
        const isItsRun = (run: ClaimableRun) => (run.messageId ?? messageId) === messageId;
        // A page that has just loaded may stream a run before it knows which device sent it.
        const isKnown = newest !== undefined && newest.runId === shown && isItsRun(newest);
        const runs: readonly ClaimableRun[] = isKnown ? [newest] : ((await session.ask()).runs ?? []).filter(isItsRun);
        const run = runs.find(({ runId }) => runId === shown) ?? runs.at(-1);
        if (!run || !isOwner(run)) return false;
        return transport.claimToolCall({ chatId: chat.id, runId: run.runId, toolCallId });
      };
      const isOurs = await takeCall(transport, key, () =>
        claim().catch((error) => {
          session.dispatch({ type: 'claim-failed', error: asDisconnect(error) });
          return false;
        }),
      );
      // The run's end may have closed the call meanwhile: nobody would take its output.
      if (isOurs && !isSettledCall(chat.messages, toolCallId)) await (currentOf(onToolCall) ?? callback)(call);
    };
    // Not awaited: the answer streams on while the call is claimed.
    callbacks.onToolCall = (call) => void run(call).catch((error) => globalThis.reportError?.(error));
  }
  if (sendAutomaticallyWhen) {
    callbacks.sendAutomaticallyWhen = async (options) => {
      const callback = currentOf(sendAutomaticallyWhen);
      if (!callback || !isOwner()) return false;
      if (await callback(options)) return true;
      // An answer is sent when it is given, although the message waits for others, which another device may give.
      const { unsentAnswers } = session.ledger;
      return options.messages.some(
        (message) => waitsForAnswers(message) && answeredCalls(message).some((id) => unsentAnswers.includes(id)),
      );
    };
  }
  // A call or an approval that is answered on this device is continued by this device.
  const { addToolOutput, addToolApprovalResponse } = chat;
  const takeOver =
    <T extends { toolCallId?: string; id?: string }>(answer: (input: T) => void | PromiseLike<void>) =>
    (input: T) => {
      const call = callOf(chat.messages, input);
      // The first answer counts, on the server too; the run's end closes its open calls.
      if (call && isSettledCall(chat.messages, call.toolCallId)) return;
      // Of the run that is shown: another device may have begun the next one; and a state may have brought this one, without a stream.
      const { shown, server } = session.ledger;
      const isNewestShown = server.newest?.turn === shownTurn(shown);
      const runId = (isNewestShown ? undefined : shownRun()) ?? server.newest?.runId;
      if (runId) session.dispatch({ type: 'claimed', runId });
      if (call) session.dispatch({ type: 'answered', ...call });
      return answer(input);
    };
  Object.assign(chat, {
    addToolOutput: takeOver(addToolOutput),
    ...(addToolApprovalResponse && { addToolApprovalResponse: takeOver(addToolApprovalResponse) }),
  });
  return () => {
    Object.assign(chat, { onToolCall, sendAutomaticallyWhen, addToolOutput, addToolApprovalResponse });
  };
}
