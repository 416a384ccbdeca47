import type { SubscriberContext } from '@chat-transport/core';
import { ChatTransportError, isRefusal, maxChatsPerCredential } from '@chat-transport/core/provider';
import type { ClientOptions, RealtimeClient } from 'ably';

/** What is used of an `ably` client in a browser, full or modular. */
export type AblyClient = Pick<RealtimeClient, 'auth' | 'channels' | 'close' | 'connect' | 'connection'>;

/** What a client has to be made with. */
export type AblyClientOptions = Required<Pick<ClientOptions, 'authCallback' | 'autoConnect' | 'echoMessages'>>;

/** A connection has one token, which is for all chats that are open on the page. */
export interface AblyCredential {
  readonly clientOptions: AblyClientOptions;
  /** Every token from the next one on is for this chat too, until the returned function is called. */
  open(chatId: string, onRefused: (refusal: ChatTransportError) => void): () => void;
  /**
   * Resolves when the connection's token is valid for the chat.
   * @throws ChatTransportError `provider-failed`, retryable, while the token already covers as many open chats as it
   * can.
   */
  admit(chatId: string, client: AblyClient): Promise<void>;
  /**
   * Whether the newest token is for the chat. A renewal that was asked for before the chat was opened may come in late.
   */
  covers(chatId: string): boolean;
}

/** States in which a client connects by itself, with the token that it has. */
const connects: readonly string[] = ['connected', 'connecting', 'disconnected'];

/** Gets tokens from `POST {api}/auth`. */
export function ablyCredential({ post, clock }: Pick<SubscriberContext, 'clock' | 'post'>): AblyCredential {
  const chats = new Map<string, (refusal: ChatTransportError) => void>();
  let granted = new Set<string>();
  /** `authorize` calls run one after the other: of two at a time, Ably's client may let the older one win. */
  let last: Promise<unknown> = Promise.resolve();

  /**
   * The chats that the next token is for: those that were opened first, so that none that is followed makes room for a
   * new one.
   */
  const wanted = () => [...chats].slice(0, maxChatsPerCredential);

  const requestToken = async (): Promise<string> => {
    const asked = wanted();
    const refuse = (refusal: ChatTransportError): void => {
      for (const [chatId, onRefused] of asked) if (!granted.has(chatId)) onRefused(refusal);
    };
    try {
      const response = await post('/auth', { chatIds: asked.map(([chatId]) => chatId) });
      const { token, chatIds } = (await response.json()) as { token: string; chatIds: string[] };
      granted = new Set(chatIds);
      refuse(new ChatTransportError({ code: 'forbidden', message: 'The chat server refused this chat’s channel.' }));
      return token;
    } catch (error) {
      if (!isRefusal(error)) throw { code: 40170, statusCode: 500, message: String(error) };
      granted.clear();
      refuse(error);
      // At a 403 Ably's client gives up; after anything else it asks again and again.
      throw { code: 40300, statusCode: 403, message: error.message };
    }
  };
  return {
    clientOptions: {
      autoConnect: false,
      echoMessages: false,
      authCallback: (_parameters, callback) => {
        requestToken().then(
          (token) => callback(null, token),
          (error) => callback(error, null),
        );
      },
    },
    open(chatId, onRefused) {
      chats.set(chatId, onRefused);
      return () => chats.get(chatId) === onRefused && chats.delete(chatId);
    },
    async admit(chatId, client) {
      if (!wanted().some(([each]) => each === chatId)) throw full();
      const admitted = last.then(async () => {
        // Chats that are opened in the same moment share a token.
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 0));
        if (!granted.has(chatId) || !connects.includes(client.connection.state)) await authorized(client);
      });
      last = admitted.catch(() => {});
      return admitted;
    },
    covers: (chatId) => granted.has(chatId),
  };
}

function full(): ChatTransportError {
  const message = `A page follows ${maxChatsPerCredential} chats over Ably. This one is followed over HTTP.`;
  return new ChatTransportError({ code: 'provider-failed', message });
}

/**
 * Ably's `authorize` resolves when the connection uses the new token, and never settles when the client is closed
 * meanwhile.
 */
function authorized({ auth, connection }: AblyClient): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once('closed', reject);
    auth
      .authorize()
      .then(() => resolve(), reject)
      .finally(() => connection.off('closed', reject));
  });
}
