import type { UIMessage } from 'ai';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import type { TransportEvent } from './chat-update.ts';
import type { HttpClient } from './http-client.ts';
import type { PersistContext } from './persist.ts';

/** What reads a chat, for one transport or for all of a page. */
// biome-ignore lint/suspicious/noExplicitAny: the parts of a session do not look into messages.
export interface LineContext<UI_MESSAGE extends UIMessage = any> extends PersistContext {
  readonly http: HttpClient<UI_MESSAGE>;
  readonly subscriber: RealtimeSubscriber | undefined;
  /** Aborts when there is nobody left to read for: the transport, or all of them, are closed. */
  readonly closing: AbortSignal;
  /** Page time, in milliseconds. */
  now(): number;
  emit(event: TransportEvent): void;
}

/** What the chats of one transport share. */
// biome-ignore lint/suspicious/noExplicitAny: as above.
export interface SessionContext<UI_MESSAGE extends UIMessage = any> extends LineContext<UI_MESSAGE> {
  readonly clientId: string;
  /** What an abort by the AI SDK does. */
  readonly onAbort: 'cancel' | 'detach';
  /** The number of the transport: later ones have higher numbers. */
  readonly serial: number;
}
