import type { CommandReceipt } from '@chat-transport/core';
import type { UIMessage } from 'ai';
import { useStored } from './use-stored.ts';

/** A text that was sent to a running answer and is not a part of it yet. */
export interface SteerNote {
  readonly id: string;
  readonly text: string;
  /** Why it did not reach the answer; absent while it waits. */
  readonly failure?: string;
}

interface StoredNote extends SteerNote {
  /** The load of the page that waits for the outcome: another one does not hear of it. */
  readonly pageId: string;
}

const pageId = crypto.randomUUID();

const failures: Record<string, string> = { ended: 'The answer was over before it could read this.' };

/** The steering texts of this tab. One that was delivered is a part of the answer, on every device, and disappears here. */
export function useSteerNotes(
  chatId: string,
  { messages, isRunning, steer }: SteerSource,
): { readonly notes: readonly SteerNote[]; add(text: string): void; dismiss(id: string): void } {
  const [stored, setStored] = useStored<readonly StoredNote[]>(`notes-${chatId}`, []);
  const dismiss = (id: string): void => setStored((notes) => notes.filter((note) => note.id !== id));
  const fail = (id: string, failure: string): void =>
    setStored((notes) => notes.map((note) => (note.id === id ? { ...note, failure } : note)));
  const delivered = messages.flatMap(steeringTexts);

  return {
    notes: stored.flatMap((note) => {
      if (note.pageId === pageId || note.failure !== undefined) return [note];
      // Of a note from before the page was loaded again, only the answer tells what became of it.
      if (delivered.includes(note.text)) return [];
      return [isRunning ? note : { ...note, failure: 'It did not reach the answer.' }];
    }),
    add(text) {
      const id = crypto.randomUUID();
      setStored((notes) => [...notes, { id, text, pageId }]);
      steer(text).then(
        ({ outcome, reason = 'unknown' }) =>
          outcome === 'delivered'
            ? dismiss(id)
            : fail(id, failures[reason] ?? `It did not reach the answer: ${reason}.`),
        (error: Error) => fail(id, error.message),
      );
    },
    dismiss,
  };
}

interface SteerSource {
  readonly messages: readonly UIMessage[];
  readonly isRunning: boolean;
  steer(text: string): Promise<CommandReceipt>;
}

function steeringTexts({ parts }: UIMessage): string[] {
  return parts.flatMap((part) =>
    part.type === 'steering-message' ? part.parts.map((inner) => (inner.type === 'text' ? inner.text : '')) : [],
  );
}
