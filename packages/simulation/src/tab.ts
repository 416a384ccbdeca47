import { ChatTransportError, RealtimeChatTransport, type SyncedChat, syncChat } from '@chat-transport/core';
import {
  AbstractChat,
  type ChatState,
  type ChatStatus,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type UIMessage,
} from 'ai';
import { brief } from './brief.ts';
import type { Send } from './ledger.ts';
import { Network } from './network.ts';
import type { MachineClock } from './scheduler.ts';
import { chatId, crowdPrefix, strangerName, userHeader, type World } from './world.ts';

/** A chat's state without a framework. */
class PlainState implements ChatState<UIMessage> {
  status: ChatStatus = 'ready';
  error: Error | undefined = undefined;
  onChange: ((messages: readonly UIMessage[]) => void) | undefined;
  #messages: UIMessage[];

  constructor(messages: UIMessage[]) {
    this.#messages = messages;
  }

  get messages(): UIMessage[] {
    return this.#messages;
  }

  set messages(messages: UIMessage[]) {
    this.#messages = messages;
    this.onChange?.(messages);
  }

  pushMessage = (message: UIMessage): void => {
    this.messages = [...this.messages, copyOf(message)];
  };
  popMessage = (): void => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index: number, message: UIMessage): void => {
    this.messages = this.messages.with(index, copyOf(message));
  };
  snapshot = <T>(thing: T): T => structuredClone(thing);
}

/** What streams is not what is shown: React's and Vue's states copy it, too. */
function copyOf(message: UIMessage): UIMessage {
  return { ...message, parts: message.parts.map((part) => ({ ...part })) };
}

/** An AI SDK chat without a framework. */
export class PlainChat extends AbstractChat<UIMessage> {
  constructor(
    init: ConstructorParameters<typeof AbstractChat<UIMessage>>[0] extends infer I ? Omit<I, 'state'> : never,
  ) {
    const { messages = [] } = init as { messages?: UIMessage[] };
    super({ ...(init as object), state: new PlainState(messages) } as never);
  }

  /** Tells each change of the messages. */
  set onMessages(onChange: (messages: readonly UIMessage[]) => void) {
    (this.state as PlainState).onChange = onChange;
  }
}

/** One device: a browser with one tab, reloaded now and then. */
export interface Device {
  readonly name: string;
  readonly world: World;
  offline: boolean;
  tab: Tab | undefined;
}

function ownSend(send: Send | undefined, device: Device): Send | undefined {
  return send?.device === device.name ? send : undefined;
}

let ofTransport: typeof RealtimeChatTransport.prototype.sendMessages;

/** Writes down what became of each send. */
class WatchedTransport extends RealtimeChatTransport {
  tab!: Tab;

  override async sendMessages(options: Parameters<typeof ofTransport>[0]): ReturnType<typeof ofTransport> {
    const { ledger, trace } = this.tab.device.world;
    const message = options.messages.at(-1)?.role === 'user' ? options.messages.at(-1) : undefined;
    // Another device may ask for another answer to it.
    const send = message && ownSend(ledger.sends.get(message.id), this.tab.device);
    // What is shown as being on its way goes along with a later message of its user.
    for (const { id } of options.messages.slice(0, -1))
      if (ledger.sends.get(id)?.state === 'open') ledger.resent.add(id);
    try {
      const stream = await super.sendMessages(options);
      if (send) send.state = 'accepted';
      return stream;
    } catch (error) {
      const isFirst = send?.state === 'open';
      if (isFirst) send.state = (error as Error).name === 'AbortError' ? 'stopped' : 'refused';
      const isBusy = ChatTransportError.isInstance(error) && error.code === 'busy';
      const isAlone = this.tab.device.world.settings.devices === 1;
      if (isBusy && isFirst && isAlone && send.met && send.stopped.includes(send.met))
        ledger.violations.push(`Message ${send.text} was refused as busy behind a stop of its own user.`);
      trace.add(this.tab.name, `send ${send?.text ?? ''} failed: ${String((error as Error).message).slice(0, 100)}`);
      throw error;
    }
  }
}

/** One page load of a device: a transport and a chat that know only what the page was loaded with. */
export class Tab {
  readonly name: string;
  readonly device: Device;
  readonly clock: MachineClock;
  readonly network: Network;
  readonly transport: RealtimeChatTransport;
  readonly chat: PlainChat;
  gone = false;
  closed = false;
  /** Whether the last request of the chat failed with a disconnect: the AI SDK then resumes when the page is shown again. */
  disconnected = false;
  #synced: SyncedChat;
  /** The page's other chats. */
  readonly #crowd: SyncedChat[] = [];

  constructor(device: Device, name: string, messages: UIMessage[]) {
    const { world } = device;
    this.device = device;
    this.name = name;
    this.clock = world.newClock(name);
    this.network = new Network(world, this);
    const transport = new WatchedTransport({
      api: 'http://sim.test/api/chat',
      clientId: device.name,
      clock: this.clock,
      fetch: this.network.fetch,
      headers: { [userHeader]: device.name },
      ...(world.settings.usesRealtime &&
        device.name !== strangerName && { subscriber: world.service.subscriber(this) }),
      onEvent: (event) => {
        if (event.type === 'malformed-frame') {
          const { error } = event;
          world.ledger.violations.push(`${name}: ${event.type} ${String((error as Error)?.stack ?? error)}`);
        }
      },
    });
    transport.tab = this;
    this.transport = transport;
    let ids = 0;
    this.chat = new PlainChat({
      id: chatId,
      messages,
      transport,
      generateId: () => `${name}-${++ids}`,
      sendAutomaticallyWhen: (chat: { messages: UIMessage[] }) =>
        lastAssistantMessageIsCompleteWithToolCalls(chat) || lastAssistantMessageIsCompleteWithApprovalResponses(chat),
      onToolCall: ({ toolCall }: { toolCall: { toolName: string; toolCallId: string } }) =>
        this.#runTool(toolCall.toolName, toolCall.toolCallId),
      onError: (error: Error) => {
        this.disconnected = error instanceof TypeError && error.message.includes('network');
        world.trace.add(name, `chat error: ${error.message.slice(0, 120)}`);
      },
    } as never);
    if (world.isVerbose) this.#traceMessages();
    this.#synced = syncChat(this.chat, transport);
    for (let index = 0; index < (device.name === strangerName ? 0 : world.settings.crowd); index++)
      this.#crowd.push(syncChat(new PlainChat({ id: `${crowdPrefix}${index}`, transport } as never), transport));
  }

  /** How the page's other chats are connected. */
  get crowdPaths(): readonly (string | null)[] {
    return this.#crowd.map(({ getReport }) => getReport().connection.path);
  }

  #traceMessages(): void {
    let last = '';
    this.chat.onMessages = (messages) => {
      // Each word would be a line.
      const now = brief(messages).replace(/:\d+/g, '');
      if (now !== last) this.device.world.trace.add(this.name, `shows ${now} (${this.chat.status})`);
      last = now;
    };
  }

  get isBusy(): boolean {
    return this.chat.status === 'submitted' || this.chat.status === 'streaming';
  }

  /** The stop button of `useRealtimeChat`: it waits a little for the run's end. */
  async stop(): Promise<void> {
    await this.#stopAll().catch((error: Error) => this.device.world.trace.add(this.name, `stop: ${error.message}`));
  }

  /** Stops as `stop` does. Answers which runs the server has ended. */
  async stopped(): Promise<readonly string[]> {
    const { readers } = this.transport.session(chatId);
    try {
      await this.#stopAll();
      // The stop waits for two seconds at most: without an answer of the server, nobody was told that the run has ended.
      const { ended } = this.transport.session(chatId).ledger.server;
      // A page that is gone waits for nothing.
      return this.gone ? [] : readers.flatMap(({ runId }) => (ended.some((run) => run.runId === runId) ? [runId] : []));
    } catch {
      return [];
    }
  }

  /** Ends what is read here. The cancel may meet the end of one run, and the stop the next one, or the one to which its send was joined meanwhile. */
  async #stopAll(): Promise<void> {
    const { readers } = this.transport.session(chatId);
    const note = (): void => {
      for (const { runId } of readers) this.device.world.ledger.cancelled.add(runId);
    };
    note();
    await this.#synced.stop().finally(note);
  }

  /** What this page asks its user about. */
  get openApprovals(): readonly string[] {
    const parts = this.chat.lastMessage?.parts.filter(isToolUIPart) ?? [];
    return parts.flatMap(({ state, approval }) => (state === 'approval-requested' && approval ? [approval.id] : []));
  }

  /** Approves a call, or denies it. */
  decide(id: string, approved: boolean): void {
    const { ledger, trace } = this.device.world;
    trace.add(this.name, `${approved ? 'approves' : 'denies'} ${id}`);
    ledger.approvals.get(id)?.answeredBy.add(this.name);
    void this.chat.addToolApprovalResponse({ id, approved });
  }

  /** How the page says that it is connected. */
  get connection(): string {
    const { state, path } = this.#synced.getReport().connection;
    return `${state}${path ? ` over ${path}` : ''}`;
  }

  /** What a person does who is refused, and knows that access is back. */
  tryAgain(mayResend: boolean): void {
    const { unsent } = this.#synced.getReport();
    for (const { getReport } of [this.#synced, ...this.#crowd]) {
      const { connection } = getReport();
      if (connection.state === 'refused') connection.retry();
    }
    for (const { messageId, state } of unsent) {
      if (state !== 'refused') continue;
      if (!mayResend || this.isBusy) {
        this.#synced.discard(messageId);
        continue;
      }
      // An edit, or another answer, takes the place of all that this user sees behind it.
      const { messages } = this.chat;
      const at = messages.findIndex(({ id }) => id === messageId);
      for (const { id } of at < 0 ? [] : messages.slice(at + 1)) this.device.world.ledger.cut.add(id);
      this.device.world.ledger.resent.add(messageId);
      void this.#synced.resend(messageId).catch(() => {});
    }
  }

  /** React's StrictMode, or hot reload: everything is taken down and set up again in one tick. */
  remount(): void {
    this.#synced();
    this.#synced = syncChat(this.chat, this.transport);
  }

  /** The page is gone, and says nothing. */
  leave(): void {
    this.gone = true;
    this.#release();
    this.clock.stop();
    this.network.leave();
    this.transport.close();
  }

  /** The page lets go in order. */
  close(): void {
    this.closed = true;
    this.#release();
    this.transport.close();
  }

  #release(): void {
    for (const release of [this.#synced, ...this.#crowd]) release();
  }

  #runTool(toolName: string, toolCallId: string): void {
    if (this.gone || toolName !== 'ask') return;
    const { world } = this.device;
    const { toolRuns } = world.ledger;
    const run = { device: this.device.name, tab: this.name, answered: false };
    toolRuns.set(toolCallId, [...(toolRuns.get(toolCallId) ?? []), run]);
    world.trace.add(this.name, `runs tool call ${toolCallId}`);
    const delayMs = world.chance(0.5) ? world.between(0, 200) : world.between(200, 8000);
    this.clock.setTimeout(() => {
      // Somebody has gone on without the answer: it would be this device's alone.
      const { lastMessage } = this.chat;
      if (!lastMessage?.parts.some((part) => 'toolCallId' in part && part.toolCallId === toolCallId)) return;
      run.answered = true;
      world.trace.add(this.name, `answers tool call ${toolCallId}`);
      void this.chat.addToolOutput({ tool: 'ask', toolCallId, output: { answer: toolCallId } } as never);
    }, delayMs);
  }
}
