import type { UseRealtimeChatHelpers } from '@chat-transport/core/react';
import type { ReactNode } from 'react';
import { sentenceOf } from './marks.tsx';

/** The error that no message and no banner shows already: a lost connection, or a stop that the server refused. */
export function ErrorNotice(props: {
  readonly chat: UseRealtimeChatHelpers;
  readonly stopFailure: string | undefined;
  readonly onStopFailureRead: () => void;
}): ReactNode {
  const { chat, stopFailure, onStopFailureRead } = props;
  const { error } = chat;
  const isShown = error === undefined || isOnMessage(chat, error);
  return (
    <>
      {/* Said to screen readers, wherever it is shown. */}
      <p className="visually-hidden" role="alert">
        {error && sentenceOf(error)}
      </p>
      {stopFailure !== undefined && (
        <Notice label="Not stopped." text={stopFailure} onDismiss={onStopFailureRead} isSaid />
      )}
      {!isShown && <Notice text={sentenceOf(error)} onDismiss={chat.clearError} />}
    </>
  );
}

function isOnMessage({ connection, messages, unsent }: UseRealtimeChatHelpers, error: Error): boolean {
  // A message of this device that was refused stands behind the answer.
  const answer = messages.findLast(({ role }) => role === 'assistant');
  const { failure } = (answer?.metadata ?? {}) as { failure?: string };
  if (failure === error.message || unsent.some((send) => send.error === error)) return true;
  return connection.state === 'refused' && connection.error.message === error.message;
}

function Notice(props: {
  readonly label?: string;
  readonly text: string;
  readonly onDismiss: () => void;
  readonly isSaid?: boolean;
}): ReactNode {
  const { label, text, onDismiss, isSaid = false } = props;
  return (
    <div className="error" {...(isSaid && { role: 'alert' })}>
      <p>
        {label && <b>{label}</b>} {text}
      </p>
      <button type="button" className="quiet" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  );
}
