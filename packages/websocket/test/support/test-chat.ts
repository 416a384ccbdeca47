import { AbstractChat, type ChatInit, type UIMessage } from 'ai';

/** The AI SDK's chat without a framework: what `useChat` wraps. */
export class TestChat extends AbstractChat<UIMessage> {
  constructor(init: ChatInit<UIMessage>) {
    super({
      ...init,
      state: {
        status: 'ready',
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
  }

  /** The newest message's text. */
  get text(): string {
    const parts = this.messages.at(-1)?.parts ?? [];
    return parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  }
}
