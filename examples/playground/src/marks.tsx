import type { EndReason, OwnSend } from '@chat-transport/core';
import type { ReactNode } from 'react';

/** What became of a message, in one line below it, with what a person can do about it. */
export function Mark(props: {
  readonly kind: 'quiet' | 'bad';
  readonly label: string;
  readonly text?: string | undefined;
  readonly children?: ReactNode;
}): ReactNode {
  const { kind, label, text, children } = props;
  return (
    <div className={`mark ${kind}`} data-testid="mark">
      <p>
        <b>{label}</b> {text}
      </p>
      {children && <div className="actions">{children}</div>}
    </div>
  );
}

const cutShort: Record<'error' | 'deadline' | 'lost', string> = {
  error: 'The model failed.',
  deadline: 'The time limit came before the answer was whole, or the server was shut down.',
  lost: 'The server that wrote this answer was lost.',
};

/** How an answer ended, where it did not end well. `failure` is the text of the model's error, where there is one. */
export function OutcomeMark(props: {
  readonly outcome: EndReason | undefined;
  readonly failure: string | undefined;
  readonly children?: ReactNode;
}): ReactNode {
  const { outcome, failure, children } = props;
  if (outcome === undefined || outcome === 'finish') return null;
  const isStopped = outcome === 'cancel';
  return (
    <Mark
      kind={isStopped ? 'quiet' : 'bad'}
      label={isStopped ? 'Stopped.' : 'Cut short.'}
      text={isStopped ? undefined : (failure ?? cutShort[outcome])}
    >
      {children}
    </Mark>
  );
}

const refusedLabels: Record<OwnSend['kind'], string> = {
  message: 'Not sent.',
  edit: 'Edit not sent.',
  regenerate: 'Not answered again.',
  answer: 'Your answer was not sent.',
};

/** A send of this device that the server does not have. */
export function UnsentMark(props: {
  readonly send: OwnSend;
  readonly onResend: () => void;
  readonly onDiscard: () => void;
}): ReactNode {
  const { send, onResend, onDiscard } = props;
  if (send.state === 'sending') return <p className="sending">Sending…</p>;
  return (
    <Mark kind="bad" label={refusedLabels[send.kind]} text={sentenceOf(send.error)}>
      <button type="button" onClick={onResend}>
        Send again
      </button>
      <button type="button" onClick={onDiscard}>
        Discard
      </button>
    </Mark>
  );
}

/** What an error says to a person. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
