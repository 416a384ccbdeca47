import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';

interface ComposerProps {
  readonly draft: string;
  readonly onDraft: (text: string) => void;
  /** Whether an answer is being written: then the text steers it. */
  readonly running: boolean;
  readonly onSend: () => void;
  readonly onStop: () => void;
}

/** The text field and its buttons. Enter sends, or steers while an answer is being written. */
export function Composer({ draft, onDraft, running, onSend, onStop }: ComposerProps): ReactNode {
  const field = useRef<HTMLTextAreaElement>(null);
  const empty = draft.trim() === '';

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [draft]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (!empty) onSend();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        if (!empty) onSend();
      }}
    >
      <textarea
        ref={field}
        rows={1}
        aria-label="Message"
        placeholder={running ? 'Steer the answer while it is written' : 'Write a message, or choose an example'}
        value={draft}
        onChange={(event) => onDraft(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="buttons">
        <button type="button" className="stop" disabled={!running} onClick={onStop}>
          Stop
        </button>
        <button type="button" disabled={!running || empty} onClick={onSend}>
          Steer
        </button>
        <button type="submit" className="primary" disabled={running || empty}>
          Send
        </button>
      </div>
    </form>
  );
}
