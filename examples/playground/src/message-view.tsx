import { isToolUIPart, type UIMessage } from 'ai';
import type { ReactNode } from 'react';
import { Markdown } from './markdown.tsx';
import { type AnswerApproval, ToolView } from './tool-view.tsx';

interface MessageViewProps {
  readonly message: UIMessage;
  /** Whether the message is being written. */
  readonly writing: boolean;
  readonly onApproval: AnswerApproval;
}

/** One message, every part of it. */
export function MessageView({ message, writing, onApproval }: MessageViewProps): ReactNode {
  const { nonce } = (message.metadata ?? {}) as { nonce?: string };
  return (
    <article
      className="message"
      data-testid="message"
      data-role={message.role}
      data-nonce={nonce}
      data-writing={writing}
      aria-label={message.role === 'user' ? 'You' : 'Assistant'}
    >
      {message.parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts are only added at the end
        <PartView key={index} part={part} onApproval={onApproval} />
      ))}
    </article>
  );
}

function PartView({ part, onApproval }: { part: UIMessage['parts'][number]; onApproval: AnswerApproval }): ReactNode {
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
    case 'steering-message':
      return (
        <p className="steering">
          {part.parts.map((inner) => (inner.type === 'text' ? inner.text : inner.filename)).join(' ')}
        </p>
      );
    default:
      return null;
  }
}
