import type { UIMessage } from 'ai';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import type { TransportEvent } from './chat-update.ts';
import type { HttpClient } from './http-client.ts';
import type { PersistContext } from './persist.ts';

/** What the chats of one transport share. */
// biome-ignore lint/suspicious/noExplicitAny: the parts of a session do not look into messages.
export interface SessionContext<UI_MESSAGE extends UIMessage = any> extends PersistContext {
  readonly http: HttpClient<UI_MESSAGE>;
  readonly subscriber: RealtimeSubscriber | undefined;
  readonly clientId: string;
  /** What an abort by the AI SDK does. */
  readonly onAbort: 'cancel' | 'detach';
  /** Aborts when the transport is closed. */
  readonly closing: AbortSignal;
  /** Page time, in milliseconds. */
  now(): number;
  emit(event: TransportEvent): void;
}
