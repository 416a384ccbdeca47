import { isToolUIPart, type UIMessage } from 'ai';
import type { ReactNode } from 'react';
import { Markdown } from './markdown.tsx';
import { type AnswerApproval, ToolView } from './tool-view.tsx';

interface MessageViewProps {
  readonly message: UIMessage;
  /** Whether the message is being written. */
  readonly isWriting?: boolean;
  readonly onApproval?: AnswerApproval;
}

/** One message, every part of it. */
export function MessageView({ message, isWriting = false, onApproval }: MessageViewProps): ReactNode {
  const { nonce } = (message.metadata ?? {}) as { nonce?: string };
  const isUser = message.role === 'user';
  return (
    <article
      className="message"
      data-testid="message"
      data-role={message.role}
      data-nonce={nonce}
      data-writing={isWriting}
      aria-label={isUser ? 'You' : 'Assistant'}
    >
      {message.parts.map((part, index) =>
        isUser && part.type === 'text' ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: parts are only added at the end
          <p key={index} className="plain" dir="auto">
            {part.text}
          </p>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: as above
          <PartView key={index} part={part} onApproval={onApproval} />
        ),
      )}
    </article>
  );
}

function PartView(props: {
  readonly part: UIMessage['parts'][number];
  readonly onApproval: AnswerApproval | undefined;
}): ReactNode {
  const { part, onApproval } = props;
  if (isToolUIPart(part)) return <ToolView part={part} onApproval={onApproval} />;
  switch (part.type) {
    case 'text':
      return <Markdown text={part.text} />;
    case 'reasoning':
      return (
        <details className="reasoning" open={part.state === 'streaming'}>
          <summary>Reasoning</summary>
          <Markdown text={part.text} />
        </details>
      );
    case 'file':
      return part.mediaType.startsWith('image/') ? (
        <img className="image" src={part.url} alt={part.filename ?? 'Image'} />
      ) : (
        <a href={part.url} download={part.filename}>
          {part.filename ?? part.mediaType}
        </a>
      );
    case 'steering-message':
      return (
        <p className="steering" dir="auto">
          {part.parts.map((inner) => (inner.type === 'text' ? inner.text : inner.filename)).join(' ')}
        </p>
      );
    default:
      return null;
  }
}
