import type { ChatRequestOptions, ChatStatus, UIMessage } from 'ai';

/**
 * What `syncChat` needs of a chat. Every `Chat` of the AI SDK has it. It is an interface and not the AI SDK's class, so that a chat of another
 * copy of `ai` is accepted: the packages for Vue, Svelte and Angular bring their own, and TypeScript takes the classes of two copies for different.
 */
export interface SyncableChat<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly id: string;
  readonly status: ChatStatus;
  readonly error: Error | undefined;
  messages: UI_MESSAGE[];
  readonly lastMessage: UI_MESSAGE | undefined;
  readonly sendMessage: (message?: never) => Promise<void>;
  readonly regenerate: (options?: { messageId?: string }) => Promise<void>;
  readonly resumeStream: (options?: ChatRequestOptions) => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly clearError: () => void;
  readonly addToolOutput: (output: never) => void | PromiseLike<void>;
  /** `ai` 5 has no approvals. */
  readonly addToolApprovalResponse?: (response: never) => void | PromiseLike<void>;
}
