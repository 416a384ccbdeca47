import type { ChatReport, Connection, OwnSend } from '@chat-transport/core';
import type { UIMessage } from 'ai';
import { useEffect, useState } from 'react';
import { useDelayed } from './use-delayed.ts';
import { readStored, writeStored } from './use-stored.ts';

/** A message, or an edit, that the server did not have when the page was loaded again. */
export interface KeptSend {
  readonly message: UIMessage;
  /** The message that it replaces. */
  readonly editedId?: string;
}

/** How long a page waits for the conversation, once the server has answered, before it takes it for empty, in milliseconds. */
const waitForStateMs = 1500;

/** Keeps what the server has not accepted over a reload of this tab. Those of the load before are `left`. */
export function useKeptSends(
  chatId: string,
  { connection, messages, unsent }: KeptSource,
): { readonly left: readonly KeptSend[]; forget(send: KeptSend): void } {
  const key = `unsent-${chatId}`;
  const [left, setLeft] = useState(() => readStored<readonly KeptSend[]>(key) ?? []);
  // Until the server has answered once, it may have the message: over a slow network nothing says that it was not sent.
  const [hasAnswered, setHasAnswered] = useState(false);
  if (!hasAnswered && (connection.state === 'connected' || connection.state === 'refused')) setHasAnswered(true);
  const hasWaited = useDelayed(hasAnswered, waitForStateMs);
  const isKnown = messages.length > 0 || hasWaited;
  const open = isKnown ? left.filter((send) => !isDelivered(send, messages)) : left;
  // The same list while nothing was delivered: a large image is not stored again for each word of an answer.
  if (open.length < left.length) setLeft(open);

  useEffect(() => {
    const kept = [...left, ...unsent.flatMap(keptOf)];
    // A large image does not fit into the storage: then the text is kept alone.
    if (!writeStored(key, kept)) writeStored(key, kept.map(withoutFiles));
  }, [key, left, unsent]);

  return {
    left: isKnown ? open : [],
    forget: (send) => setLeft((sends) => sends.filter((each) => each !== send)),
  };
}

interface KeptSource {
  readonly connection: Connection;
  readonly messages: readonly UIMessage[];
  readonly unsent: ChatReport['unsent'];
}

function keptOf({ kind, message, messageId }: OwnSend): KeptSend[] {
  if (!message || (kind !== 'message' && kind !== 'edit')) return [];
  return [{ message, ...(kind === 'edit' && { editedId: messageId }) }];
}

function withoutFiles(send: KeptSend): KeptSend {
  const parts = send.message.parts.filter(({ type }) => type !== 'file');
  return { ...send, message: { ...send.message, parts } };
}

function isDelivered({ message }: KeptSend, messages: readonly UIMessage[]): boolean {
  const shown = messages.find(({ id }) => id === message.id);
  return shown !== undefined && textOf(shown) === textOf(message);
}

/** The text of a message. */
export function textOf({ parts }: Pick<UIMessage, 'parts'>): string {
  return parts.flatMap((part) => (part.type === 'text' ? part.text : [])).join('\n');
}
