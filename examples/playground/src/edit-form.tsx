import { type KeyboardEvent, type ReactNode, useState } from 'react';

/** The text of a message, to be changed and sent again. Escape leaves it as it was. */
export function EditForm(props: {
  readonly text: string;
  readonly onSend: (text: string) => void;
  readonly onCancel: () => void;
}): ReactNode {
  const [text, setText] = useState(props.text);
  const isEmpty = text.trim() === '';
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') props.onCancel();
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (!isEmpty) props.onSend(text);
  };
  return (
    <form
      className="edit"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isEmpty) props.onSend(text);
      }}
    >
      <textarea
        // biome-ignore lint/a11y/noAutofocus: the person has just asked to edit
        autoFocus
        dir="auto"
        rows={3}
        aria-label="Edit message"
        value={text}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="actions">
        <button type="button" onClick={props.onCancel}>
          Cancel
        </button>
        <button type="submit" className="primary" disabled={isEmpty}>
          Send edit
        </button>
      </div>
    </form>
  );
}
