import { AbstractChat, type ChatInit, type ChatStatus, type UIMessage } from 'ai';

/** The AI SDK's own chat, which `useChat` of every framework wraps, with plain fields as its state. */
export class TestChat extends AbstractChat<UIMessage> {
  /** Every status that it was given, oldest first. */
  readonly statuses: ChatStatus[];

  constructor(init: ChatInit<UIMessage>) {
    const statuses: ChatStatus[] = ['ready'];
    super({
      ...init,
      state: {
        get status() {
          return statuses.at(-1) as ChatStatus;
        },
        set status(status) {
          statuses.push(status);
        },
        error: undefined,
        messages: init.messages ?? [],
        pushMessage(message) {
          this.messages = [...this.messages, message];
        },
        popMessage() {
          this.messages = this.messages.slice(0, -1);
        },
        replaceMessage(index, message) {
          this.messages = this.messages.with(index, message);
        },
        snapshot: (value) => structuredClone(value),
      },
    });
    this.statuses = statuses;
  }

  /** The messages as `role: text`, one string each; the texts of a message are separated by `|`. */
  get texts(): string[] {
    return this.messages.map((message) => `${message.role}: ${textOf(message)}`);
  }

  /** The newest message's text. */
  get text(): string {
    return textOf(this.messages.at(-1));
  }

  /** The nonces of the answers: a second generation would show as another one. */
  get nonces(): unknown[] {
    return this.messages
      .filter(({ role }) => role === 'assistant')
      .map(({ metadata }) => (metadata as { nonce?: string } | undefined)?.nonce);
  }

  /** Whether no request is under way. */
  get isIdle(): boolean {
    return this.status === 'ready' || this.status === 'error';
  }

  /** What a failed wait shows. */
  get seen(): unknown {
    return { texts: this.texts, status: this.status, error: this.error?.message };
  }
}

function textOf(message: UIMessage | undefined): string {
  return (message?.parts ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('|');
}
