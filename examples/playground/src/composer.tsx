import type { FileUIPart } from 'ai';
import { type ClipboardEvent, type KeyboardEvent, type ReactNode, type RefObject, useEffect, useState } from 'react';
import { addImages, imageRule } from './attachments.ts';

interface ComposerProps {
  readonly draft: string;
  readonly onDraft: (text: string) => void;
  /** Whether an answer is being written: then the text steers it. */
  readonly isRunning: boolean;
  readonly onSend: (text: string, images: readonly FileUIPart[]) => void;
  readonly onSteer: (text: string) => void;
  readonly onStop: () => void;
  readonly field: RefObject<HTMLTextAreaElement | null>;
}

/** The text field, its images and its buttons. Enter sends, or steers while an answer is being written. */
export function Composer(props: ComposerProps): ReactNode {
  const { draft, onDraft, isRunning, onSend, onSteer, onStop, field } = props;
  const [images, setImages] = useState<readonly FileUIPart[]>([]);
  const [refusals, setRefusals] = useState<readonly string[]>([]);
  const isEmpty = draft.trim() === '' && (isRunning || images.length === 0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text and the width
  useEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [draft, isRunning]);

  const submit = (): void => {
    if (isEmpty) return;
    field.current?.focus();
    if (isRunning) return onSteer(draft);
    onSend(draft, images);
    setImages([]);
    setRefusals([]);
  };
  const attach = async (files: Iterable<File>): Promise<void> => {
    const added = await addImages(images, [...files]);
    setImages(added.images);
    setRefusals(added.refusals);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  const onPaste = ({ clipboardData }: ClipboardEvent): void => {
    if (clipboardData.files.length > 0) void attach(clipboardData.files);
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {refusals.length > 0 && (
        <p className="refusal" role="alert">
          {refusals.join(' ')}
        </p>
      )}
      {images.length > 0 && (
        <ul className="images" aria-label="Images of this message">
          {images.map((image) => (
            <li key={image.url}>
              <img src={image.url} alt={image.filename ?? 'Image'} />
              <button
                type="button"
                aria-label={`Remove ${image.filename ?? 'image'}`}
                onClick={() => setImages(images.filter((each) => each !== image))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <label className="attach" title={imageRule}>
        <input
          type="file"
          accept="image/*"
          multiple
          aria-label={`Attach images. ${imageRule}`}
          onChange={({ target }) => {
            void attach(target.files ?? []);
            // The same file may be chosen again.
            target.value = '';
          }}
        />
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <path d="M10 4v12M4 10h12" />
        </svg>
      </label>
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        aria-label="Message"
        placeholder={isRunning ? 'Steer the answer' : 'Write a message…'}
        value={draft}
        onChange={({ target }) => onDraft(target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      {isRunning && (
        <button
          type="button"
          className="stop"
          onClick={() => {
            field.current?.focus();
            onStop();
          }}
        >
          Stop
        </button>
      )}
      <button type="submit" className="primary" disabled={isEmpty}>
        {isRunning ? 'Steer' : 'Send'}
      </button>
    </form>
  );
}
