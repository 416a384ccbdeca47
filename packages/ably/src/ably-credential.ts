import type { SubscriberContext } from '@chat-transport/core';
import { ChatTransportError } from '@chat-transport/core/provider';
import type { ClientOptions, RealtimeClient } from 'ably';

/** What is used of an `ably` client in a browser, full or modular. */
export type AblyClient = Pick<RealtimeClient, 'auth' | 'channels' | 'close' | 'connect' | 'connection'>;

/** What a client has to be made with. */
export type AblyClientOptions = Required<Pick<ClientOptions, 'authCallback' | 'autoConnect' | 'echoMessages'>>;

/** States in which a client connects by itself, with the token that it has or with the next one. */
const tries: readonly string[] = ['connected', 'connecting', 'disconnected'];

/** A connection has one token, which is for all chats that are in use on the page. */
export class AblyCredential {
  readonly clientOptions: AblyClientOptions;
  readonly #post: SubscriberContext['post'];
  /** The chats in use, and who hears that one was refused. */
  readonly #chats = new Map<string, (refusal: ChatTransportError) => void>();
  /** The chats of the newest token. */
  #granted = new Set<string>();
  /** The end of the queue: of two `authorize` calls at the same time, Ably's client may let the older one win. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(post: SubscriberContext['post']) {
    this.#post = post;
    this.clientOptions = {
      autoConnect: false,
      echoMessages: false,
      authCallback: (_params, callback) => {
        this.#request().then(
          (token) => callback(null, token),
          (error) => callback(errorFor(error), null),
        );
      },
    };
  }

  /** The chat is in every token from the next one on, until the returned function is called. */
  use(chatId: string, onRefused: (refusal: ChatTransportError) => void): () => void {
    this.#chats.set(chatId, onRefused);
    return () => {
      if (this.#chats.get(chatId) === onRefused) this.#chats.delete(chatId);
    };
  }

  /** Resolves when the connection's token is good for the chat. Chats that come while one is waiting share its token. */
  admit(chatId: string, client: AblyClient): Promise<void> {
    const admitted = this.#last.then(async () => {
      if (this.#granted.has(chatId) && tries.includes(client.connection.state)) return;
      await authorized(client);
    });
    this.#last = admitted.catch(() => {});
    return admitted;
  }

  /** The service does not take the newest token for this chat: the next `admit` asks for another. */
  forget(chatId: string): void {
    this.#granted.delete(chatId);
  }

  async #request(): Promise<string> {
    const asked = [...this.#chats];
    try {
      const response = await this.#post('/auth', { chatIds: asked.map(([chatId]) => chatId) });
      const { token, chatIds } = (await response.json()) as { token: string; chatIds: string[] };
      this.#granted = new Set(chatIds);
      const refusal = new ChatTransportError({ code: 'forbidden', message: 'The chat server refused the channel.' });
      for (const [chatId, refused] of asked) if (!this.#granted.has(chatId)) refused(refusal);
      return token;
    } catch (error) {
      if (isRefusal(error)) for (const [, refused] of asked) refused(error);
      throw error;
    }
  }
}

/** Ably's `authorize` resolves with the connection that uses the new token; it never settles when the client is closed meanwhile. */
function authorized({ auth, connection }: AblyClient): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const closed = (): void =>
      reject(new ChatTransportError({ code: 'provider-failed', message: 'The client was closed.' }));
    connection.once('closed', closed);
    auth
      .authorize()
      .then(resolve, reject)
      .finally(() => connection.off('closed', closed));
  });
}

function isRefusal(error: unknown): error is ChatTransportError {
  return ChatTransportError.isInstance(error) && !error.retryable;
}

/** Ably's client fails its connection at a 403, and asks again and again after anything else. Its codes are numbers. */
function errorFor(error: unknown): { code: number; statusCode: number; message: string; name: string } {
  const message = error instanceof Error ? error.message : String(error);
  const [code, statusCode] = isRefusal(error) ? [40300, 403] : [40170, 500];
  return { name: 'ErrorInfo', code, statusCode, message };
}
