import type { ReactNode } from 'react';
import { Mark } from './marks.tsx';
import { MessageView } from './message-view.tsx';
import type { KeptSend } from './use-kept-sends.ts';
import type { SteerNote } from './use-steer-notes.ts';

/** A steering text that is not a part of the answer. */
export function NoteView(props: {
  readonly note: SteerNote;
  readonly onSend: () => void;
  readonly onDismiss: () => void;
}): ReactNode {
  const { note, onSend, onDismiss } = props;
  return (
    <div className="row" data-role="user" data-testid="note">
      <p className="steering" dir="auto">
        {note.text}
      </p>
      {note.failure === undefined ? (
        <p className="waiting-note">Waits for the answer’s next step</p>
      ) : (
        <Mark kind="bad" label="Not delivered." text={note.failure}>
          <button type="button" onClick={onSend}>
            Send as message
          </button>
          <button type="button" onClick={onDismiss}>
            Dismiss
          </button>
        </Mark>
      )}
    </div>
  );
}

/** A message that the server did not have when the page was loaded again. */
export function KeptSendView(props: {
  readonly send: KeptSend;
  /** Absent where the message to replace is gone. */
  readonly onSend: (() => void) | undefined;
  readonly onDiscard: () => void;
}): ReactNode {
  const { send, onSend, onDiscard } = props;
  return (
    <div className="row" data-role="user" data-testid="kept">
      <MessageView message={send.message} />
      <Mark
        kind="bad"
        label={send.editedId ? 'Edit not sent.' : 'Not sent.'}
        text="The page was loaded again before the server had it."
      >
        {onSend && (
          <button type="button" onClick={onSend}>
            Send again
          </button>
        )}
        <button type="button" onClick={onDiscard}>
          Discard
        </button>
      </Mark>
    </div>
  );
}
