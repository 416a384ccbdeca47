import {
  type Connection,
  type RealtimeChatTransport,
  type RealtimeChatTransportOptions,
  syncChat,
  type Timings,
  type TransportEvent,
} from '@chat-transport/core';
import type { ChatInit, UIMessage } from 'ai';
import { FaultProxy } from '../faults/fault-proxy.ts';
import { MessageLine } from './message-line.ts';
import { PageClock } from './page-clock.ts';
import type { ProviderHarness, RealtimeLink } from './provider-case.ts';
import { TestChat } from './test-chat.ts';
import { until } from './wait.ts';

/** Short waits, so that faults are noticed within a test. */
const quickTimings: Timings = {
  graceMs: 150,
  gapMs: 30,
  firstByteMs: 500,
  stallMs: 1200,
  quietMs: 400,
  silenceMs: 400,
  pollMs: 1000,
  giveUpAfterMs: 8000,
  lingerMs: 100,
  sendMs: 2000,
};

/** What a device may have of its own. */
export type DeviceOptions = Omit<RealtimeChatTransportOptions, 'subscriber' | 'api' | 'onEvent' | 'clock'>;

/** Whether a message of any service carries a frame with a part of an answer, whatever it is wrapped in. */
function hasChunks(message: string): boolean {
  return /\b(chunks|packed)\b/.test(message);
}

/**
 * A browser: one transport, with its own network to the chat server (`http`) and to the realtime service (`realtime`).
 */
export class Device {
  readonly events: TransportEvent[] = [];
  readonly transport: RealtimeChatTransport;
  readonly http: FaultProxy;
  readonly realtime: FaultProxy;
  /** What the transport takes for the time. */
  readonly clock: PageClock = new PageClock();
  readonly #harness: ProviderHarness;
  readonly #others: Device[] = [];
  readonly #endings: (() => void)[] = [];
  readonly #links: ((isUp: boolean) => void)[] = [];
  readonly #line = new MessageLine(hasChunks);

  private constructor(harness: ProviderHarness, http: FaultProxy, realtime: FaultProxy, options: DeviceOptions) {
    this.#harness = harness;
    this.http = http;
    this.realtime = realtime;
    const link: RealtimeLink = {
      host: realtime.host,
      onChange: (listener) => {
        this.#links.push(listener);
        listener(true);
      },
      deliver: (message, next) => this.#line.deliver(message, next),
    };
    this.transport = harness.createTransport(
      {
        clientId: crypto.randomUUID(),
        ...options,
        timings: { ...quickTimings, ...options.timings },
        api: `http://${http.host}/api/chat`,
        onEvent: (event) => this.events.push(event),
        clock: this.clock,
      },
      link,
    );
  }

  static async start(harness: ProviderHarness, serverPort: () => number, options: DeviceOptions): Promise<Device> {
    const http = await FaultProxy.start(serverPort);
    const realtime = await FaultProxy.start(() => harness.servicePort ?? serverPort());
    return new Device(harness, http, realtime, options);
  }

  /** Another transport on this device's page, with the same network. */
  another(options: DeviceOptions = {}): Device {
    const { clientId } = this.transport;
    const other = new Device(this.#harness, this.http, this.realtime, { clientId, ...options });
    this.#others.push(other);
    return other;
  }

  /** The AI SDK's chat on this device's transport. */
  chat(id: string, init: ChatInit<UIMessage> = {}): TestChat {
    return new TestChat({ id, transport: this.transport, ...init });
  }

  /** The same, kept synchronized with the other devices. */
  synced(id: string, init: ChatInit<UIMessage> = {}): TestChat {
    const chat = this.chat(id, init);
    this.#endings.push(syncChat(chat, this.transport));
    return chat;
  }

  connection(chatId: string): Connection {
    return this.transport.connection(chatId).getSnapshot();
  }

  /** Waits until answers come by one of these paths. */
  async reaches(chatId: string, ...paths: Connection['path'][]): Promise<void> {
    await until(
      `the path ${paths.join(' or ')}`,
      () => paths.includes(this.connection(chatId).path),
      () => ({ connection: this.connection(chatId), events: this.events.map(({ type }) => type) }),
    );
  }

  /** The offsets of the answer's frames, as they come here by any path from now on. */
  arrivals(chatId: string): number[] {
    const offsets: number[] = [];
    const session = this.transport.session(chatId);
    const accept = session.accept.bind(session);
    session.accept = (frame, replayed) => {
      if ('chunks' in frame) offsets.push(frame.at);
      return accept(frame, replayed);
    };
    return offsets;
  }

  /**
   * Of the messages with a part of the answer, each second one overtakes the one in front of it, between the service
   * and the vendor's client.
   */
  swapMessages(): void {
    this.#line.isSwapping = true;
    this.realtime.swapMessages(hasChunks);
  }

  /** The service takes connections and says nothing. */
  muteRealtime(): void {
    this.#line.isMute = true;
    this.realtime.freeze();
  }

  /** The way to the realtime service breaks, and stays broken. */
  dropRealtime(): void {
    this.realtime.cut();
    for (const listener of this.#links) listener(false);
  }

  restoreRealtime(): void {
    this.#line.isMute = false;
    this.realtime.restore();
    for (const listener of this.#links) listener(true);
  }

  /** No network: as in a tunnel. */
  goOffline(): void {
    this.dropRealtime();
    this.http.cut();
  }

  goOnline(): void {
    this.http.restore();
    this.restoreRealtime();
  }

  /** The laptop is shut: no timer fires, and what is sent here vanishes. */
  sleep(): void {
    this.clock.stop();
    this.muteRealtime();
    this.http.freeze();
  }

  /**
   * It is opened again, so much later. First the connections break, before any timer has fired and before there is a
   * network again.
   */
  async wake(chatId: string, sleptMs: number): Promise<void> {
    this.clock.pass(sleptMs);
    this.goOffline();
    await until('a lost connection', () => this.connection(chatId).path !== 'realtime');
    this.clock.start();
    this.goOnline();
  }

  /** The page is closed or reloaded. */
  leave(): void {
    for (const end of this.#endings.splice(0)) end();
    this.transport.close();
    for (const other of this.#others) other.leave();
  }

  async dispose(): Promise<void> {
    this.leave();
    await Promise.all([this.http.close(), this.realtime.close()]);
  }
}
