import { type ChannelListener, ChatTransportError, type RealtimeSubscriber } from '@chat-transport/core';
import type { CommandReceipt, RealtimeServer, RunCommand } from '@chat-transport/core/provider';
import { ModelledFailure } from './model.ts';
import type { ServerProcess } from './server-process.ts';
import type { Tab } from './tab.ts';
import type { World } from './world.ts';

/** How many chats of one page the service subscribes to. */
const maxSubscriptions = 64;
/** How long the service refuses everything when it is throttled, in milliseconds. */
const throttledMs = 5000;

interface Subscription {
  readonly tab: Tab;
  readonly channel: string;
  readonly listener: ChannelListener;
  readonly signal: AbortSignal;
  live: boolean;
  /** When the newest message arrives: an ordered service keeps its order. */
  newestAt: number;
}

/** A realtime service that loses, doubles, delays and reorders messages, and whose subscriptions break. */
export class RealtimeService {
  readonly subscriptions: Set<Subscription> = new Set();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** The service as one server process reaches it. */
  server(process: ServerProcess): RealtimeServer {
    const { flushIntervalMs, maxMessageBytes } = this.#world.settings;
    return {
      name: 'modelled',
      limits: { flushIntervalMs, maxMessageBytes },
      channelName: (chatId) => `channel-${chatId}`,
      publish: (channel, data) => process.gate(() => this.#publish(process, channel, data)),
    };
  }

  subscriber(tab: Tab): RealtimeSubscriber {
    return {
      name: 'modelled',
      subscribe: (chatId, listener, signal) => {
        const channel = `channel-${chatId}`;
        const entry: Subscription = { tab, channel, listener, signal, live: false, newestAt: 0 };
        if ([...this.subscriptions].filter((other) => other.tab === tab).length >= maxSubscriptions) {
          const error = new ChatTransportError({ code: 'rate-limited', message: 'Too many chats on one page.' });
          return this.#later(tab, this.#world.latency(), () => listener.onFailed(error));
        }
        this.subscriptions.add(entry);
        signal.addEventListener('abort', () => this.subscriptions.delete(entry));
        this.#goLive(entry);
      },
      ...(this.#world.settings.carriesCommands && {
        send: (chatId, runId, message) => this.#carry(tab, chatId, runId, message),
      }),
    };
  }

  /** A signal on its way to a server, over the service. */
  async #carry(tab: Tab, chatId: string, runId: string, message: RunCommand): Promise<CommandReceipt> {
    const world = this.#world;
    await tab.clock.wait(world.latency());
    const server = world.someServer();
    if (tab.device.offline || !server || world.strikes('message-dropped')) throw new ModelledFailure();
    // A server that is killed meanwhile never answers.
    const patience = tab.clock.wait(5000).then(() => Promise.reject(new ModelledFailure()));
    const answer = server.gate(() => server.handler.runtime.command({ chatId, runId }, message));
    const receipt = await Promise.race([answer, patience]);
    await tab.clock.wait(world.latency());
    if (tab.device.offline || world.strikes('message-dropped')) throw new ModelledFailure();
    return receipt;
  }

  /** Breaks a tab's subscription, which notices it only a while later, and comes back after `forMs`. */
  interrupt(tab: Tab, forMs: number): void {
    const world = this.#world;
    for (const entry of this.subscriptions) {
      if (entry.tab !== tab || !entry.live) continue;
      world.faults.count('realtime-interrupted');
      entry.live = false;
      const noticedMs = world.between(0, Math.min(forMs, 3000));
      this.#later(tab, noticedMs, () => {
        if (entry.live || entry.signal.aborted) return;
        world.trace.add(tab.name, 'realtime interrupted');
        entry.listener.onInterrupted();
      });
      this.#later(tab, forMs, () => this.#goLive(entry));
    }
  }

  /** The service's own time: a tab that is gone hears nothing. */
  #later(tab: Tab, delayMs: number, act: () => void): void {
    this.#world.scheduler.after(delayMs, () => {
      if (!tab.gone) act();
    });
  }

  #goLive(entry: Subscription): void {
    const { tab, listener, signal } = entry;
    this.#later(tab, 3 * this.#world.latency() + (tab.device.offline ? 500 : 1), () => {
      if (signal.aborted || entry.live) return;
      // While the device is offline, the vendor's client tries again and again.
      if (tab.device.offline) return this.#goLive(entry);
      entry.live = true;
      this.#world.trace.add(tab.name, 'realtime live');
      listener.onLive();
    });
  }

  async #publish(process: ServerProcess, channel: string, data: string): Promise<void> {
    const world = this.#world;
    await process.clock.wait(world.latency());
    if (this.#isThrottled()) {
      world.faults.count('service-throttled');
      throw new ChatTransportError({ code: 'rate-limited', message: 'Slower.', cause: new ModelledFailure() });
    }
    if (world.strikes('publish-failed')) {
      if (world.chance(0.5)) this.#deliver(channel, data);
      const cause = new ModelledFailure();
      throw new ChatTransportError({
        code: world.chance(0.3) ? 'rate-limited' : 'provider-failed',
        message: 'No.',
        cause,
      });
    }
    this.#deliver(channel, data);
  }

  /** A third of the time, for seconds on end: a service whose quota is used up refuses everything. */
  #isThrottled(): boolean {
    const { faults, scheduler } = this.#world;
    return !faults.healed && faults.isOn('service-throttled') && Math.floor(scheduler.now / throttledMs) % 3 === 0;
  }

  #deliver(channel: string, data: string): void {
    const world = this.#world;
    for (const entry of this.subscriptions) {
      if (entry.channel !== channel || !entry.live) continue;
      if (world.strikes('message-dropped')) continue;
      const copies = world.strikes('message-doubled') ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) this.#send(entry, data);
    }
  }

  #send(entry: Subscription, data: string): void {
    const world = this.#world;
    let delayMs = world.latency();
    if (world.strikes('message-delayed')) delayMs += world.between(100, 6000);
    let at = world.scheduler.now + delayMs;
    // Without the fault, messages of one subscription stay in order.
    if (world.settings.ordered || !world.strikes('message-reordered')) at = Math.max(at, entry.newestAt);
    entry.newestAt = Math.max(at, entry.newestAt);
    this.#later(entry.tab, at - world.scheduler.now, () => {
      if (entry.live && !entry.signal.aborted) entry.listener.onMessage(data);
    });
  }
}
