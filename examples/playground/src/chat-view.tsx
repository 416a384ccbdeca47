import { useRealtimeChat } from '@chat-transport/core/react';
import {
  type FileUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from 'ai';
import { type ReactNode, useRef, useState } from 'react';
import { Composer } from './composer.tsx';
import { ErrorNotice } from './error-notice.tsx';
import { ExamplePrompts } from './example-prompts.tsx';
import { sentenceOf } from './marks.tsx';
import { MessageRow } from './message-row.tsx';
import { KeptSendView, NoteView } from './notes.tsx';
import type { createTransport } from './provider.ts';
import { useAutoScroll } from './use-auto-scroll.ts';
import { type KeptSend, useKeptSends } from './use-kept-sends.ts';
import { useSteerNotes } from './use-steer-notes.ts';
import { useStored } from './use-stored.ts';

export type Transport = ReturnType<typeof createTransport>;

/** One chat: its messages with what became of them, and its composer. */
export function ChatView(props: { readonly chatId: string; readonly transport: Transport }): ReactNode {
  const { chatId, transport } = props;
  const chat = useRealtimeChat({
    id: chatId,
    transport,
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
  const { messages, status } = chat;
  const isRunning = status === 'submitted' || status === 'streaming';
  const [draft, setDraft] = useStored(`draft-${chatId}`, '');
  const [stopFailure, setStopFailure] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  const steering = useSteerNotes(chatId, { messages, isRunning, steer: chat.steer });
  const kept = useKeptSends(chatId, chat);
  const scroll = useAutoScroll();
  const focusField = (): void => field.current?.focus();

  const send = (text: string, files: readonly FileUIPart[] = []): void => {
    scroll.toEnd();
    void chat.sendMessage({ text, files: [...files] });
  };
  const sendKept = ({ message, editedId }: KeptSend): void => {
    void chat.sendMessage({ ...message, messageId: editedId } as Parameters<typeof chat.sendMessage>[0]);
  };
  const maySend = ({ editedId }: KeptSend): boolean => !editedId || messages.some(({ id }) => id === editedId);
  const stop = (): void => {
    setStopFailure(undefined);
    // The server may refuse: then the answer goes on, and the person is told why.
    chat.stop().catch((error: unknown) => setStopFailure(sentenceOf(error)));
  };
  const lastSent = messages.findLast(({ role }) => role === 'user');
  // Nobody knows whether a chat is empty before it was read.
  const isEmpty = messages.length === 0 && kept.left.length === 0 && chat.connection.state === 'connected';
  // A message that was refused stands behind the answer of another device.
  const refused = chat.unsent.flatMap(({ kind, state, messageId }) =>
    kind === 'message' && state === 'refused' ? messageId : [],
  );
  const newest = messages.findLast(({ id }) => !refused.includes(id));

  return (
    <>
      <main className="messages" ref={scroll.list} onScroll={scroll.onScroll} aria-label="Messages">
        <div className="column" ref={scroll.content}>
          {isEmpty && <ExamplePrompts onChoose={send} isGreeting />}
          {messages.map((message, index) => (
            <MessageRow
              key={message.id}
              chat={chat}
              message={message}
              isLast={index === messages.length - 1}
              isRunning={isRunning}
              isWriting={isRunning && message === newest && message.role === 'assistant'}
              onDone={focusField}
            />
          ))}
          {kept.left.map((each) => (
            <KeptSendView
              key={each.message.id}
              send={each}
              onSend={
                maySend(each)
                  ? () => {
                      kept.forget(each);
                      sendKept(each);
                    }
                  : undefined
              }
              onDiscard={() => kept.forget(each)}
            />
          ))}
          {steering.notes.map((note) => (
            <NoteView
              key={note.id}
              note={note}
              onSend={() => {
                steering.dismiss(note.id);
                send(note.text);
              }}
              onDismiss={() => steering.dismiss(note.id)}
            />
          ))}
          {status === 'submitted' && <p className="waiting" aria-hidden="true" />}
          <ErrorNotice chat={chat} stopFailure={stopFailure} onStopFailureRead={() => setStopFailure(undefined)} />
        </div>
      </main>
      <footer className="footer">
        <div className="column">
          {lastSent && !isRunning && draft === '' && <ExamplePrompts onChoose={send} />}
          <Composer
            draft={draft}
            onDraft={setDraft}
            isRunning={isRunning}
            onSend={(text, images) => {
              setDraft('');
              send(text, images);
            }}
            onSteer={(text) => {
              setDraft('');
              scroll.toEnd();
              steering.add(text);
            }}
            onStop={stop}
            field={field}
          />
          <p className="visually-hidden" role="status" data-testid="status">
            {status}
          </p>
        </div>
      </footer>
    </>
  );
}
