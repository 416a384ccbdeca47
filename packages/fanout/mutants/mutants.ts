/** A mistake in the source, and the test that must notice it. */
export interface Mutant {
  /** What is broken, in a few words. */
  readonly id: string;
  /** The file, from the package's folder. */
  readonly file: string;
  /** The text that is replaced; it must be in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** How the title of a test begins that must fail, with its groups in front. */
  readonly killedBy: string;
}

/** What this provider alone promises. The mutants of packages/contract break what all providers share. */
export const mutants: readonly Mutant[] = [
  {
    id: 'signature-is-not-verified',
    file: 'src/server/proxy-request.ts',
    find: 'if (isSigned) return true;',
    replace: 'if (isSigned || signature !== null) return true;',
    killedBy: 'a signature that is not the proxy’s made with another key',
  },
  {
    id: 'connection-id-is-believed',
    file: 'src/server/proxy-request.ts',
    find: '(grip-.*|connection-id|meta-.*)',
    replace: '(grip-.*|meta-.*)',
    killedBy: 'a request that sets connection-id without a signature',
  },
  {
    id: 'stored-session-is-believed',
    file: 'src/server/proxy-request.ts',
    find: '(grip-.*|connection-id|meta-.*)',
    replace: '(grip-.*|connection-id)',
    killedBy: 'a request that sets meta-session without a signature',
  },
  {
    id: 'messages-do-not-name-the-one-before',
    file: 'src/server/published-item.ts',
    find: 'new Item(formats, formatPosition(to), formatPosition(from))',
    replace: 'new Item(formats, formatPosition(to))',
    killedBy: 'each message carries all carriers in one item, follows the one before',
  },
  {
    id: 'streams-begin-anywhere',
    file: 'src/server/held-stream.ts',
    find: 'new Channel(name, formatPosition(at))',
    replace: 'new Channel(name)',
    killedBy: 'a signed stream is held by the proxy',
  },
  {
    id: 'streams-continue-ahead-of-what-is-published',
    file: 'src/server/held-stream.ts',
    find: 'if (!published || !at',
    replace: 'if (published || !at',
    killedBy: 'a stream that is held while text is on its way to the proxy',
  },
  {
    id: 'lost-messages-count-as-published',
    file: 'src/server/fanout-server.ts',
    find: '        published.forget(channel);\n',
    replace: '',
    killedBy: 'a stream that is held after a message was lost',
  },
  {
    id: 'link-has-no-timeout',
    file: 'src/server/held-stream.ts',
    find: ', context.linkTimeoutMs / 1000)',
    replace: ')',
    killedBy: 'a signed stream is held by the proxy',
  },
  {
    id: 'link-that-is-refused-is-asked-again',
    file: 'src/server/held-stream.ts',
    find: 'link === undefined || isTransient(response) ? response : ended()',
    replace: 'response',
    killedBy: 'a link to a run that the log has lost ends its stream',
  },
  {
    id: 'link-that-fails-ends-its-stream',
    file: 'src/server/held-stream.ts',
    find: 'link === undefined || isTransient(response) ? response : ended()',
    replace: 'link === undefined ? response : ended()',
    killedBy: 'a link that the log does not answer is asked again',
  },
  {
    id: 'readers-share-a-link',
    file: 'src/server/held-stream.ts',
    find: 'crypto.randomUUID()}`',
    replace: "'link'}`",
    killedBy: 'each reader has a link with a path of its own',
  },
  {
    id: 'end-makes-nobody-ask',
    file: 'src/server/published-item.ts',
    find: '      [controlChannel(channel), askItem],\n',
    replace: '',
    killedBy: 'each message carries all carriers in one item, follows the one before, and the end makes readers ask',
  },
  {
    id: 'revocation-does-not-close-streams',
    file: 'src/server/fanout-server.ts',
    find: 'new HttpStreamFormat(null, true)',
    replace: "new HttpStreamFormat('')",
    killedBy: 'revoking a user closes the connections of that user',
  },
  {
    id: 'revocation-does-not-close-sockets',
    file: 'src/server/fanout-server.ts',
    find: 'new WebSocketMessageFormat(null, true, closeCodes.revoked)',
    replace: "new WebSocketMessageFormat('')",
    killedBy: 'revoking a user closes the connections of that user',
  },
  {
    id: 'subscribes-without-a-token',
    file: 'src/server/held-socket.ts',
    find: 'if (!grant) return socket.close(closeCodes.unauthorized);',
    replace: "if (!grant) return void socket.subscribe(context.channelName(query.get('chat') ?? ''));",
    killedBy: 'a WebSocket is not subscribed without a token',
  },
  {
    id: 'any-chat-is-good-for-a-token',
    file: 'src/server/held-context.ts',
    find: ' || grant.chatId !== chatId',
    replace: '',
    killedBy: 'a WebSocket is not subscribed with a token of another chat',
  },
  {
    id: 'session-of-another-chat-commands',
    file: 'src/server/held-context.ts',
    find: ' || grant.chatId !== chatId',
    replace: '',
    killedBy: 'a command over a WebSocket with the session of another chat',
  },
  {
    id: 'revoked-tokens-are-good',
    file: 'src/server/held-context.ts',
    find: ' || revocations.covers(grant)',
    replace: '',
    killedBy: 'a WebSocket is not subscribed with a token that was given before access was taken back',
  },
  {
    id: 'takes-every-refusal-for-forbidden',
    file: 'src/server/held-socket.ts',
    find: 'return commandAnswer(await host.handle(deviceRequest(request, path, { ...message, runId: run })));',
    replace: `const response = await host.handle(deviceRequest(request, path, { ...message, runId: run }));
  return response.ok ? commandAnswer(response) : { error: notAllowed };`,
    killedBy: 'a command over a WebSocket that the app refuses with a response of its own',
  },
];
