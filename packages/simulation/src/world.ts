import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type Edition, type FaultKind, Faults, newestEdition } from './faults.ts';
import { Ledger } from './ledger.ts';
import { Random } from './random.ts';
import { RealtimeService } from './realtime-service.ts';
import { MachineClock, Scheduler } from './scheduler.ts';
import { ServerProcess } from './server-process.ts';
import { Trace } from './trace.ts';

/** The one chat of a seed. */
export const chatId = 'chat';
/** What the ids of a page's other chats begin with. */
export const crowdPrefix = 'idle-';
/** Who knows the chat's address and has no access to it. */
export const strangerName = 'stranger';
/** The request header with the user's name. */
export const userHeader = 'x-user';

export interface StoryOptions {
  /** Whether the trace tells each change of a device's messages, too. */
  readonly isVerbose?: boolean;
  /** How the story is told. @default newestEdition */
  readonly edition?: Edition;
}

/** What a seed chooses once. */
export interface Settings {
  readonly devices: number;
  readonly servers: number;
  readonly usesRealtime: boolean;
  readonly ordered: boolean;
  /** Whether the service is our own server: it carries commands, and a sender's answer comes over it alone. */
  readonly carriesCommands: boolean;
  readonly flushIntervalMs: number;
  readonly maxMessageBytes: number;
  readonly onBusy: 'reject' | 'interrupt' | 'queue';
  readonly keepsHistory: boolean;
  readonly deadlineMs: number | undefined;
  readonly latencyMs: number;
  /** Whether models are silent for half an hour. */
  readonly isSilent: boolean;
  /** Whether somebody without access tries to read and write. */
  readonly hasStranger: boolean;
  /** Whether people send files over a slow network. */
  readonly hasUploads: boolean;
  /** Whether models ask people before some tools run. */
  readonly asksApproval: boolean;
  /** How many more chats each page shows, in which nobody writes. */
  readonly crowd: number;
  /** How runs go on whose writers stop; `undefined`: they end. */
  readonly continuing: Continuing | undefined;
}

/** How runs outlive their writers. */
interface Continuing {
  readonly softDeadlineMs: number | undefined;
  /** Whether another process is asked by a queue of the app's, which loses and doubles requests. */
  readonly hasQueue: boolean;
}

/** Everything outside the devices: time, chance, the servers on their one log, the realtime service. */
export class World {
  readonly seed: number;
  readonly random: Random;
  readonly scheduler: Scheduler = new Scheduler();
  readonly trace: Trace;
  readonly faults: Faults;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly logClock: MachineClock;
  readonly log: RunLog;
  readonly service: RealtimeService;
  readonly servers: ServerProcess[] = [];
  /** Who has no access at present, and since when. */
  readonly revoked: Map<string, number> = new Map();
  readonly #weather: Random;
  #started = 0;

  readonly isVerbose: boolean;
  readonly edition: Edition;

  constructor(seed: number, { isVerbose = false, edition = newestEdition }: StoryOptions) {
    this.seed = seed;
    this.isVerbose = isVerbose;
    this.edition = edition;
    this.random = new Random(seed);
    this.#weather = this.random.fork('weather');
    this.trace = new Trace(this.scheduler);
    this.faults = new Faults(this.random.fork('faults'), edition);
    const settings = chooseSettings(this.random.fork('settings'));
    // An app's own history is only as good as its saving: where processes or the log fail, it may miss more than one run.
    const saves = !(['server-killed', 'server-restarted', 'server-frozen', 'log-failed'] as const).some((kind) =>
      this.faults.isOn(kind),
    );
    const isSilent = settings.isSilent && edition >= 2;
    const continuing = chooseContinuing(this.random.fork('continuing'), edition);
    const hasStranger = edition >= 3 && this.random.fork('stranger').chance(0.3);
    const asksApproval = edition >= 4 && continuing !== undefined && this.random.fork('approvals').chance(0.5);
    const hasUploads = edition >= 4 && this.random.fork('uploads').chance(0.1);
    const keepsHistory = settings.keepsHistory && saves;
    // Rare, as the silences: a hundred chats are a hundred times the work.
    const crowd = edition >= 5 && this.random.fork('crowd').chance(0.02) ? 100 : 0;
    this.settings = { ...settings, isSilent, hasStranger, keepsHistory, continuing, asksApproval, hasUploads, crowd };
    this.ledger = new Ledger();
    this.logClock = this.newClock('log');
    this.log = memoryLog({
      now: () => this.logClock.now(),
      schedule: (callback, delayMs) => {
        const timer = this.logClock.setTimeout(callback, delayMs);
        return () => this.logClock.clearTimeout(timer);
      },
    });
    this.service = new RealtimeService(this);
    for (let count = 0; count < this.settings.servers; count++) this.startServer();
  }

  /** A machine's clock; with the fault, it is off by up to a day and runs up to 1 % faster or slower. */
  newClock(name: string): MachineClock {
    if (!this.faults.isOn('clock-skewed')) return new MachineClock(this.scheduler, name);
    this.faults.count('clock-skewed');
    const day = 86_400_000;
    return new MachineClock(this.scheduler, name, this.#weather.between(-day, day), this.#weather.between(0.99, 1.01));
  }

  startServer(): ServerProcess {
    const server = new ServerProcess(this, `server-${++this.#started}`);
    this.servers.push(server);
    this.trace.add(server.name, 'starts');
    return server;
  }

  /** What the app says to a request of a user. */
  authorize(userId: string): boolean {
    return userId !== strangerName && !this.revoked.has(userId) && !this.strikes('access-refused');
  }

  /** Whether each process must know that this user has no access any more. */
  isRevokedForLong(userId: string): boolean {
    const since = this.revoked.get(userId);
    const isSlow = this.faults.isOn('log-failed') || this.faults.isOn('server-frozen');
    return since !== undefined && !isSlow && this.scheduler.now - since > 5000;
  }

  /** A server that a request reaches. */
  someServer(): ServerProcess | undefined {
    const alive = this.servers.filter((server) => server.alive);
    return alive.length > 0 ? this.#weather.pick(alive) : undefined;
  }

  /** How long one way over the network takes, in milliseconds. */
  latency(): number {
    const { latencyMs } = this.settings;
    return this.#weather.chance(0.02)
      ? this.#weather.between(latencyMs, 20 * latencyMs)
      : this.#weather.between(0, latencyMs);
  }

  strikes(kind: FaultKind): boolean {
    return this.faults.strikes(kind);
  }

  between(min: number, max: number): number {
    return this.#weather.between(min, max);
  }

  chance(probability: number): boolean {
    return this.#weather.chance(probability);
  }
}

function chooseContinuing(random: Random, edition: Edition): Continuing | undefined {
  const softDeadlineMs = random.chance(0.3) ? random.between(500, 6000) : undefined;
  const hasQueue = random.chance(0.4);
  return edition >= 3 && random.chance(0.5) ? { softDeadlineMs, hasQueue } : undefined;
}

function chooseSettings(
  random: Random,
): Omit<Settings, 'continuing' | 'hasStranger' | 'asksApproval' | 'hasUploads' | 'crowd'> {
  return {
    devices: random.pick([1, 2, 2, 2, 2, 3, 4]),
    servers: random.pick([1, 2, 2, 3]),
    usesRealtime: random.chance(0.85),
    ordered: random.chance(0.3),
    carriesCommands: random.chance(0.5),
    flushIntervalMs: random.pick([0, 20, 100, 100]),
    maxMessageBytes: random.pick([1024, 10_240, 65_536, 65_536]),
    onBusy: random.pick(['reject', 'reject', 'interrupt', 'queue']),
    keepsHistory: random.chance(0.6),
    deadlineMs: random.chance(0.1) ? 8000 : undefined,
    latencyMs: random.pick([2, 20, 60, 200]),
    // Rare: half an hour of heartbeats is more work than all the rest of a story.
    isSilent: random.chance(0.04),
  };
}
