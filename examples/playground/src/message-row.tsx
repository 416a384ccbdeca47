import type { UseRealtimeChatHelpers } from '@chat-transport/core/react';
import type { UIMessage } from 'ai';
import { type ReactNode, useState } from 'react';
import { EditForm } from './edit-form.tsx';
import { Mark, OutcomeMark, UnsentMark } from './marks.tsx';
import { MessageView } from './message-view.tsx';
import { useDelayed } from './use-delayed.ts';
import { textOf } from './use-kept-sends.ts';

/** How long a question may stand alone before it counts as unanswered, in milliseconds: its answer may be on its way to this device. */
const answerAfterMs = 1500;

interface MessageRowProps {
  readonly chat: UseRealtimeChatHelpers;
  readonly message: UIMessage;
  readonly isLast: boolean;
  readonly isRunning: boolean;
  /** Whether this message is the answer that is being written. */
  readonly isWriting: boolean;
  /** Where the focus goes when the control that had it is gone. */
  readonly onDone: () => void;
}

/** A message with what became of it, and what a person can do with it. */
export function MessageRow({ chat, message, isLast, isRunning, isWriting, onDone }: MessageRowProps): ReactNode {
  const [isEditing, setIsEditing] = useState(false);
  // An edit may give its message another id.
  const unsent = chat.unsent.filter((send) => send.messageId === message.id || send.message?.id === message.id);
  const mayAct = !isRunning && unsent.length === 0;
  const regenerate = (): void => {
    onDone();
    void chat.regenerate({ messageId: message.id });
  };

  if (isEditing) {
    return (
      <EditForm
        text={textOf(message)}
        onCancel={() => {
          setIsEditing(false);
          onDone();
        }}
        onSend={(text) => {
          setIsEditing(false);
          onDone();
          const files = message.parts.filter((part) => part.type === 'file');
          void chat.sendMessage({ text, files, messageId: message.id });
        }}
      />
    );
  }
  return (
    <div className="row" data-role={message.role}>
      <MessageView message={message} isWriting={isWriting} onApproval={chat.addToolApprovalResponse} />
      {!isWriting && <Ending chat={chat} message={message} isLast={isLast && mayAct} onRegenerate={regenerate} />}
      {unsent.map((send) => (
        <div key={send.kind} className="unsent">
          {send.kind === 'edit' && send.message && textOf(send.message) !== textOf(message) && (
            <MessageView message={send.message} />
          )}
          <UnsentMark
            send={send}
            onResend={() => {
              onDone();
              void chat.resend(send.messageId);
            }}
            onDiscard={() => {
              onDone();
              chat.discard(send.messageId);
            }}
          />
        </div>
      ))}
      {mayAct && message.role === 'user' && (
        <div className="actions faint">
          <button type="button" className="quiet" onClick={() => setIsEditing(true)}>
            Edit
          </button>
        </div>
      )}
    </div>
  );
}

/** How the answer ended, and the way to another one. */
function Ending(props: {
  readonly chat: UseRealtimeChatHelpers;
  readonly message: UIMessage;
  /** Whether another answer can be asked for in its place. */
  readonly isLast: boolean;
  readonly onRegenerate: () => void;
}): ReactNode {
  const { chat, message, isLast, onRegenerate } = props;
  const outcome = chat.outcomes[message.id];
  const isUnanswered = message.role === 'user' && isLast && chat.connection.state === 'connected';
  const hasNoAnswer = useDelayed(isUnanswered, answerAfterMs);
  if (message.role === 'user') {
    if (!hasNoAnswer) return null;
    return (
      <Mark kind="quiet" label="No answer." text="It was stopped before it began.">
        <button type="button" onClick={onRegenerate}>
          Answer now
        </button>
      </Mark>
    );
  }
  const isFailed = outcome === 'error' || outcome === 'deadline' || outcome === 'lost';
  const { failure } = (message.metadata ?? {}) as { failure?: string };
  return (
    <>
      <OutcomeMark outcome={outcome} failure={outcome === 'error' ? failure : undefined}>
        {isLast && isFailed && (
          <button type="button" onClick={onRegenerate}>
            Try again
          </button>
        )}
      </OutcomeMark>
      {isLast && !isFailed && (
        <div className="actions faint">
          <button type="button" className="quiet" onClick={onRegenerate}>
            Regenerate
          </button>
        </div>
      )}
    </>
  );
}
