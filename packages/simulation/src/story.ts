import type { CommandReceipt } from '@chat-transport/core/provider';
import type { UIMessage } from 'ai';
import { brief } from './brief.ts';
import type { Steer } from './ledger.ts';
import type { Random } from './random.ts';
import type { ServerProcess } from './server-process.ts';
import { type Device, Tab } from './tab.ts';
import { chatId, strangerName, type World } from './world.ts';

/** How long people do things before all faults are healed, in milliseconds: half of the stories are shorter. */
const storyMs = [15_000, 60_000] as const;

/** What people do on their devices, and what happens to them. */
export class Story {
  readonly world: World;
  readonly devices: Device[] = [];
  /** Who has no access. */
  stranger: Tab | undefined;
  readonly #random: Random;
  readonly #steering: Random;
  /** For what came with a later edition. */
  readonly #later: Random;
  readonly #uploading: Random;
  /** For what people decide about. */
  readonly #deciding: Random;
  #tabs = 0;
  #sends = 0;

  constructor(world: World) {
    this.world = world;
    this.#random = world.random.fork('story');
    this.#steering = world.random.fork('steering');
    this.#later = world.random.fork('later');
    this.#deciding = world.random.fork('deciding');
    this.#uploading = world.random.fork('uploading');
    for (let count = 0; count < world.settings.devices; count++) {
      const device: Device = { name: `device${count + 1}`, world, offline: false, tab: undefined };
      this.devices.push(device);
      // Some join late.
      world.scheduler.after(count > 0 && this.#random.chance(0.3) ? this.#random.between(0, 20_000) : 0, () =>
        this.#open(device),
      );
    }
  }

  /** Plans everything. Answers when it is over. */
  plan(): number {
    const { scheduler, faults } = this.world;
    const random = this.#random;
    const endsAt = random.between(...storyMs);
    const at = (act: () => void, from = 500): void => void scheduler.after(random.between(from, endsAt), act);
    const first = random.pick(this.devices);
    scheduler.after(100, () => this.#send(first));
    for (let count = random.int(1, 4); count > 0; count--) at(() => this.#send(random.pick(this.devices)));
    for (let count = random.int(0, 2); count > 0; count--) at(() => this.#stop(random.pick(this.devices)));
    if (random.chance(0.3)) at(() => this.#edit(random.pick(this.devices)), 5000);
    if (faults.isOn('regenerated'))
      for (let count = 2; count > 0; count--) at(() => this.#regenerate(random.pick(this.devices)), 4000);
    if (faults.isOn('concurrent-sends')) for (let count = 2; count > 0; count--) at(() => this.#sendAll());
    if (faults.isOn('cancel-raced')) for (let count = 2; count > 0; count--) at(() => this.#race());
    if (faults.isOn('remounted'))
      for (let count = 2; count > 0; count--) at(() => this.#remount(random.pick(this.devices)));
    if (faults.isOn('tab-reloaded'))
      for (let count = 2; count > 0; count--) at(() => this.#reload(random.pick(this.devices)), 1000);
    if (faults.isOn('device-offline'))
      for (let count = random.int(1, 2); count > 0; count--) at(() => this.#goOffline(random.pick(this.devices)));
    if (faults.isOn('stale-device')) for (let count = 2; count > 0; count--) at(() => this.#sendStale(), 3000);
    if (faults.isOn('realtime-interrupted'))
      for (let count = 3; count > 0; count--) at(() => this.#interrupt(random.pick(this.devices)));
    if (faults.isOn('server-killed')) for (let count = random.int(1, 2); count > 0; count--) at(() => this.#kill());
    if (faults.isOn('server-restarted')) at(() => this.#restart());
    if (faults.isOn('server-frozen'))
      for (let count = 2; count > 0; count--) scheduler.after(this.#later.between(500, endsAt), () => this.#freeze());
    if (faults.isOn('steered'))
      for (let count = 4; count > 0; count--) scheduler.after(this.#steering.between(500, endsAt), () => this.#steer());
    this.#planLater(endsAt);
    return endsAt;
  }

  /** What came with a later edition. */
  #planLater(endsAt: number): void {
    const { scheduler, faults, settings } = this.world;
    const later = this.#later;
    const at = (count: number, act: () => void): void => {
      for (let left = count; left > 0; left--) scheduler.after(later.between(500, endsAt), act);
    };
    if (faults.isOn('access-revoked')) at(2, () => this.#revoke(later.pick(this.devices)));
    if (faults.isOn('access-refused')) at(5, () => this.#tryAgain());
    if (faults.isOn('chat-deleted')) at(1, () => this.#delete());
    if (faults.isOn('clock-jumped')) at(3, () => this.#jump());
    if (faults.isOn('stopped-then-sent')) at(4, () => this.#stopThenSend(later.pick(this.devices)));
    if (settings.hasStranger) at(1, () => this.#openStranger());
    if (settings.hasUploads)
      for (let left = 2; left > 0; left--)
        scheduler.after(this.#uploading.between(500, endsAt), () => this.#sendFile(this.#uploading.pick(this.devices)));
    if (settings.asksApproval)
      for (let left = 8; left > 0; left--) scheduler.after(this.#deciding.between(500, endsAt), () => this.#decide());
  }

  /** All faults are over; people look at their devices again. */
  heal(): void {
    const { faults, servers, trace } = this.world;
    faults.healed = true;
    this.world.revoked.clear();
    this.world.scheduler.after(5000, () => this.#tryAgain());
    for (const delayMs of [10_000, 20_000]) this.world.scheduler.after(delayMs, () => this.#decide());
    trace.add('world', 'all faults are over');
    for (const device of this.devices) {
      device.offline = false;
      device.tab?.transport.session(chatId).wake();
    }
    if (servers.every((server) => !server.alive)) this.world.startServer();
  }

  /** What the AI SDK's hook does when the page is shown again. */
  resumeDisconnected(): void {
    this.#tryAgain(false);
    for (const { tab } of this.devices) {
      if (!tab?.disconnected || tab.chat.status !== 'error') continue;
      tab.disconnected = false;
      this.world.trace.add(tab.name, 'resumes after its disconnect');
      void tab.chat.resumeStream();
    }
  }

  /** A device that comes when all is over. */
  addWitness(): Tab {
    const device: Device = { name: 'witness', world: this.world, offline: false, tab: undefined };
    this.devices.push(device);
    return this.#open(device);
  }

  #open(device: Device, messages: UIMessage[] = []): Tab {
    const tab = new Tab(device, `${device.name}.${++this.#tabs}`, messages);
    device.tab = tab;
    this.world.trace.add(tab.name, `opens with ${brief(messages)}`);
    void tab.chat.resumeStream();
    return tab;
  }

  #openStranger(): void {
    const device: Device = { name: strangerName, world: this.world, offline: false, tab: undefined };
    const tab = new Tab(device, strangerName, []);
    this.stranger = tab;
    this.world.trace.add(tab.name, 'opens without access');
    void tab.chat.resumeStream();
    this.world.scheduler.after(2000, () => {
      if (!tab.isBusy) void tab.chat.sendMessage({ text: strangerName });
    });
  }

  /** A user has no access for a while. */
  #revoke(device: Device): void {
    const { world } = this;
    const server = world.servers.find(({ alive }) => alive);
    if (!server || world.revoked.has(device.name)) return;
    world.faults.count('access-revoked');
    world.trace.add(device.name, 'has no access any more');
    world.revoked.set(device.name, world.scheduler.now);
    // With a log that fails, the app tries again: streams are asked about again in any case.
    server.gate(() => server.handler.runtime.revoke({ chatId, userId: device.name })).catch(() => {});
    world.scheduler.after(this.#later.between(500, 15_000), () => {
      world.trace.add(device.name, 'has access again');
      world.revoked.delete(device.name);
      this.#tryAgain();
    });
  }

  /** Answers an approval; now and then another device answers it, or another one of the same message, in the same moment. */
  #decide(): void {
    const random = this.#deciding;
    const asked = this.devices.filter(({ tab }) => tab && !tab.isBusy && tab.openApprovals.length > 0);
    if (asked.length === 0) return;
    const first = random.pick(asked);
    const others = random.chance(0.4) ? asked.filter((device) => device !== first) : [];
    for (const { tab } of [first, ...others]) {
      const id = tab && random.pick(tab.openApprovals);
      if (id) tab.decide(id, random.chance(0.75));
    }
    // The process that runs the approved call.
    if (this.world.faults.isOn('server-killed') && random.chance(0.4))
      this.world.scheduler.after(random.between(0, 1500), () => this.#killWhileFaulty());
  }

  #killWhileFaulty(): void {
    if (!this.world.faults.healed) this.#kill();
  }

  #tryAgain(mayResend = this.#later.chance(0.5)): void {
    const { faults } = this.world;
    if (!faults.isOn('access-refused') && !faults.isOn('access-revoked')) return;
    for (const { tab } of this.devices) tab?.tryAgain(mayResend);
  }

  #delete(): void {
    const { faults, trace, servers } = this.world;
    const server = servers.find(({ alive }) => alive);
    if (!server) return;
    faults.count('chat-deleted');
    trace.add(server.name, 'deletes the chat');
    let isOver = false;
    const deleted = server.gate(() => server.handler.runtime.deleteChat(chatId));
    deleted
      .catch(() => {})
      .finally(() => {
        isOver = true;
      });
    if (this.world.edition >= 4) this.#deleteAgain(server, () => isOver);
  }

  /** An app whose deletion was never answered, because its process is gone, deletes in another one. */
  #deleteAgain(server: ServerProcess, isOver: () => boolean): void {
    this.world.scheduler.after(5000, () => {
      if (isOver()) return;
      if (server.alive) this.#deleteAgain(server, isOver);
      else this.#delete();
    });
  }

  /** Somebody sets a computer's clock. */
  #jump(): void {
    const { faults, trace } = this.world;
    const clock = this.#later.pick(this.devices).tab?.clock;
    if (!clock) return;
    const jumpMs = this.#later.between(-7_200_000, 7_200_000);
    faults.count('clock-jumped');
    trace.add(clock.name, `sets its clock by ${Math.round(jumpMs)} ms`);
    clock.offsetMs += jumpMs;
  }

  /** Stops, and sends as soon as the answer has ended. */
  #stopThenSend(device: Device): void {
    const { tab, world } = { ...device };
    if (!tab?.isBusy) return;
    world.faults.count('stopped-then-sent');
    world.trace.add(tab.name, 'stops, to send');
    this.#noteCancel(tab);
    void tab.stopped().then((stopped) => this.#send(device, stopped));
  }

  /** A send with a file, whose upload takes half a minute. */
  #sendFile(device: Device): void {
    this.#send(device, [], { file: 'x'.repeat(this.#uploading.int(600_000, 1_000_000)) });
  }

  #send(device: Device, stopped: readonly string[] = [], body?: object): void {
    const { tab } = device;
    if (!tab || tab.isBusy) return;
    const text = `u${++this.#sends}`;
    const { ledger, trace } = this.world;
    trace.add(tab.name, `sends ${text}`);
    const messageId = `${text}-${tab.name}`;
    ledger.sends.set(messageId, { messageId, text, device: device.name, state: 'open', stopped });
    const message = { id: messageId, role: 'user' as const, parts: [{ type: 'text' as const, text }] };
    void tab.chat.sendMessage(message, body && { body });
  }

  #sendAll(): void {
    const idle = this.devices.filter(({ tab }) => tab && !tab.isBusy);
    if (idle.length >= 2) this.world.faults.count('concurrent-sends');
    for (const device of idle) {
      this.world.scheduler.after(this.#random.chance(0.5) ? 0 : this.#random.between(0, 300), () => this.#send(device));
    }
  }

  /** A send by a device that did not see the turn before it. */
  #sendStale(): void {
    const [one, ...others] = this.devices.filter(({ tab }) => tab && !tab.isBusy);
    const other = others.at(-1);
    if (!one || !other || one.offline) return;
    this.world.faults.count('stale-device');
    this.world.trace.add(other.name, 'is away for a turn');
    other.offline = true;
    if (other.tab) this.world.service.interrupt(other.tab, 8000);
    this.#send(one);
    this.world.scheduler.after(this.#random.between(500, 8000), () => {
      other.offline = false;
      this.#send(other);
    });
  }

  #noteCancel(tab: Tab): void {
    const { ledger } = this.world;
    const { readers, ledger: known } = tab.transport.session(chatId);
    const runs = readers.map(({ runId }) => runId);
    const { active } = known.server;
    for (const runId of [...runs, ...(active ? [active.runId] : [])]) ledger.cancelled.add(runId);
    if (runs.length === 0) ledger.cancelledUnknown = true;
  }

  #stop(device: Device): void {
    const { tab } = device;
    if (!tab?.isBusy) return;
    this.world.trace.add(tab.name, 'stops');
    this.#noteCancel(tab);
    if (this.#random.chance(0.5)) return void tab.stop();
    this.#cancel(tab);
  }

  #cancel(tab: Tab): void {
    const { ledger } = this.world;
    const runId = tab.transport.session(chatId).readers.at(-1)?.runId;
    tab.transport.cancel({ chatId, ...(runId && { runId }) }).then(
      ({ outcome }) => {
        if (outcome === 'delivered' && runId) ledger.cancelReceipts.add(runId);
      },
      () => {},
    );
  }

  /** Cancels from everywhere, as a run begins or in its middle. */
  #race(): void {
    const { world } = this;
    const sender = this.devices.find(({ tab }) => tab && !tab.isBusy && !this.devices.some((one) => one.tab?.isBusy));
    if (sender && this.#random.chance(0.5)) this.#send(sender);
    const delayMs = this.#random.pick([0, 0, 5, 50, 300]);
    world.scheduler.after(delayMs, () => {
      for (const { tab } of this.devices) {
        if (!tab?.isBusy) continue;
        world.faults.count('cancel-raced');
        world.trace.add(tab.name, 'cancels in a race');
        this.#noteCancel(tab);
        if (this.#random.chance(0.5)) void tab.stop();
        else this.#cancel(tab);
      }
    });
  }

  /** Adds to what is being answered, from everywhere. */
  #steer(): void {
    const { faults, ledger, trace } = this.world;
    for (const { tab } of this.devices) {
      if (!tab?.isBusy || this.#steering.chance(0.3)) continue;
      const text = `s${ledger.steers.size + 1}`;
      const steer: Steer = { tab: tab.name, takenBy: [] };
      faults.count('steered');
      trace.add(tab.name, `steers by ${text}`);
      ledger.steers.set(text, steer);
      const told = (outcome: CommandReceipt | Error): void => {
        steer.outcome = outcome;
        trace.add(tab.name, `steer ${text}: ${'message' in outcome ? outcome.message : JSON.stringify(outcome)}`);
      };
      tab.transport.steer({ chatId, text }).then(told, told);
    }
  }

  #regenerate(device: Device): void {
    const { tab } = device;
    if (!tab || tab.isBusy || tab.chat.messages.at(-1)?.role !== 'assistant') return;
    this.world.faults.count('regenerated');
    this.world.trace.add(tab.name, 'regenerates');
    void tab.chat.regenerate();
  }

  #edit(device: Device): void {
    const { tab } = device;
    if (!tab || tab.isBusy) return;
    const users = tab.chat.messages.filter(({ role }) => role === 'user');
    const message = users.length > 0 ? this.#random.pick(users) : undefined;
    if (!message) return;
    const text = `u${++this.#sends}`;
    const { ledger, trace } = this.world;
    trace.add(tab.name, `edits ${message.id} to ${text}`);
    // What was stopped on its way is sent again.
    if (ledger.sends.get(message.id)?.state === 'stopped') ledger.resent.add(message.id);
    for (const { id } of tab.chat.messages.slice(tab.chat.messages.indexOf(message))) ledger.cut.add(id);
    void tab.chat.sendMessage({ text, messageId: message.id });
  }

  #remount(device: Device): void {
    const { tab } = device;
    if (!tab) return;
    this.world.faults.count('remounted');
    this.world.trace.add(tab.name, `remounts, ${tab.chat.status}`);
    tab.remount();
  }

  #reload(device: Device): void {
    const { tab, world } = { ...device };
    if (!tab) return;
    world.faults.count('tab-reloaded');
    world.trace.add(tab.name, 'is reloaded');
    const old = structuredClone(tab.chat.messages);
    tab.leave();
    // Nothing, or what the page had kept: an older state of the chat.
    this.#open(device, this.#random.chance(0.6) ? [] : old);
  }

  #goOffline(device: Device): void {
    if (device.offline) return;
    const forMs = this.#random.chance(0.1) ? this.#random.between(60_000, 150_000) : this.#random.between(200, 20_000);
    this.world.faults.count('device-offline');
    this.world.trace.add(device.name, `is offline for ${Math.round(forMs)} ms`);
    device.offline = true;
    const { tab } = device;
    if (tab) {
      this.world.service.interrupt(tab, forMs);
      if (this.#random.chance(0.7)) tab.network.leave();
      else for (const body of tab.network.bodies) body.silence();
    }
    this.world.scheduler.after(forMs, () => {
      device.offline = false;
      if (this.#random.chance(0.5) && !device.tab?.closed) device.tab?.transport.session(chatId).wake();
    });
  }

  #interrupt({ tab }: Device): void {
    if (tab) this.world.service.interrupt(tab, this.#random.between(100, 15_000));
  }

  #kill(): void {
    const server = this.world.servers.find(({ alive }) => alive);
    if (!server) return;
    this.world.faults.count('server-killed');
    server.kill(this.#random.chance(0.3));
    this.world.scheduler.after(this.#random.between(100, 20_000), () => this.world.startServer());
  }

  /** A process stands still, for less than its lease, or until others have gone on without it. */
  #freeze(): void {
    const { servers, faults, trace } = this.world;
    const server = servers.find(({ alive }) => alive);
    if (!server) return;
    const forMs = this.#later.between(1000, 40_000);
    faults.count('server-frozen');
    trace.add(server.name, `stands still for ${Math.round(forMs)} ms`);
    server.clock.freeze(forMs);
  }

  /** A deployment: a new process comes up, and an old one closes in order. */
  #restart(): void {
    const server = this.world.servers.find(({ alive }) => alive);
    if (!server) return;
    this.world.faults.count('server-restarted');
    this.world.startServer();
    this.world.trace.add(server.name, 'closes');
    void server.handler.runtime.close().then(() => {
      if (server.alive) server.kill(false);
    });
  }
}
