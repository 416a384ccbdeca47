import { useRealtimeChat } from '@chat-transport/core/react';
import { lastAssistantMessageIsCompleteWithApprovalResponses, lastAssistantMessageIsCompleteWithToolCalls } from 'ai';
import { type ReactNode, useState } from 'react';
import { Composer } from './composer.tsx';
import { ConnectionBar } from './connection-bar.tsx';
import type { Device } from './device.ts';
import { ExamplePrompts } from './example-prompts.tsx';
import { MessageView } from './message-view.tsx';
import type { createTransport } from './provider.ts';
import { useAutoScroll } from './use-auto-scroll.ts';

export type Transport = ReturnType<typeof createTransport>;

/** One chat: its messages, its composer, its connection. */
export function ChatView(props: { chatId: string; device: Device; transport: Transport }): ReactNode {
  const chat = useRealtimeChat({
    id: props.chatId,
    transport: props.transport,
    throttle: 30,
    sendAutomaticallyWhen: (options) =>
      lastAssistantMessageIsCompleteWithToolCalls(options) ||
      lastAssistantMessageIsCompleteWithApprovalResponses(options),
    onToolCall: ({ toolCall }) => {
      if (toolCall.toolName !== 'readPage') return;
      const output = { width: innerWidth, height: innerHeight, language: navigator.language };
      void chat.addToolOutput({ tool: 'readPage', toolCallId: toolCall.toolCallId, output });
    },
  });
  const [draft, setDraft] = useState('');
  const [notes, setNotes] = useState<readonly { id: string; text: string; state: string }[]>([]);
  const scroll = useAutoScroll(chat.messages);
  const running = chat.status === 'submitted' || chat.status === 'streaming';

  const steer = async (text: string): Promise<void> => {
    const id = crypto.randomUUID();
    setNotes((notes) => [...notes, { id, text, state: 'waits for the next step' }]);
    const receipt = await chat.steer(text).catch((error: Error) => ({ outcome: 'failed', reason: error.message }));
    // A note that was delivered is a part of the answer now, on every device.
    setNotes((notes) =>
      receipt.outcome === 'delivered'
        ? notes.filter((note) => note.id !== id)
        : notes.map((note) =>
            note.id === id ? { ...note, state: `not delivered: ${receipt.reason ?? 'unknown'}` } : note,
          ),
    );
  };

  const send = (): void => {
    setDraft('');
    scroll.toEnd();
    if (running) void steer(draft);
    else void chat.sendMessage({ text: draft });
  };

  return (
    <>
      <ConnectionBar connection={chat.connection} device={props.device} />
      <main className="messages" ref={scroll.ref} onScroll={scroll.onScroll} aria-label="Messages">
        <div className="column">
          {chat.messages.length === 0 && <ExamplePrompts onChoose={setDraft} greeting />}
          {chat.messages.map((message, index) => (
            <MessageView
              key={message.id}
              message={message}
              writing={running && index === chat.messages.length - 1}
              onApproval={chat.addToolApprovalResponse}
            />
          ))}
          {notes.map(({ id, text, state }) => (
            <p key={id} className="steering" data-testid="note">
              {text} <small>{state}</small>
            </p>
          ))}
          {chat.status === 'submitted' && <p className="waiting" aria-hidden="true" />}
          {chat.error && (
            <div className="error" role="alert">
              <span>{chat.error.message}</span>
              <button type="button" className="quiet" onClick={() => chat.clearError()}>
                Dismiss
              </button>
            </div>
          )}
        </div>
      </main>
      <footer className="footer">
        <div className="column">
          {chat.messages.length > 0 && <ExamplePrompts onChoose={setDraft} />}
          <Composer draft={draft} onDraft={setDraft} running={running} onSend={send} onStop={() => void chat.stop()} />
          <p className="status" role="status" data-testid="status">
            {chat.status}
          </p>
        </div>
      </footer>
    </>
  );
}
