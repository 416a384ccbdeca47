import type { FaultKind } from './faults.ts';
import { judge, judgeCrowd, judgeStranger } from './oracles.ts';
import { MachineClock } from './scheduler.ts';
import { Story } from './story.ts';
import { installVirtualGlobals } from './virtual-globals.ts';
import { type StoryOptions, World } from './world.ts';

/** What became of one seed. */
export interface SeedResult {
  readonly seed: number;
  /** What was wrong; nothing when all is well. */
  readonly failures: readonly string[];
  readonly faults: Partial<Record<FaultKind, number>>;
  /** How many chunks the models gave out. */
  readonly chunks: number;
  /** How many answers there were, and the number of chunks in each. */
  readonly runs: readonly number[];
  readonly devices: number;
  /** How many models were silent for half an hour. */
  readonly silences: number;
  /** How many steers their users were told to be in an answer. */
  readonly steered: number;
  /** How often another writer went on with a run. */
  readonly continued: number;
  /** How many approvals the log has an answer to. */
  readonly approvals: number;
  /** Whether each page showed a hundred chats. */
  readonly isCrowded: boolean;
  /** How many slow uploads arrived, and how many broke off. */
  readonly uploads: { readonly arrived: number; readonly broken: number };
  readonly virtualMs: number;
  readonly steps: number;
  readonly trace: readonly string[];
}

/** How long everything may take to come to rest when all faults are over, in milliseconds. */
const restMs = 300_000;

/** How long pages are left alone behind that, in milliseconds: a request that went unanswered may wait for as long. */
const afterwardsMs = 150_000;

/** Lives one seed's story to its end and judges it. The same seed is the same story, to the letter. */
export async function runSeed(seed: number, options: StoryOptions = {}): Promise<SeedResult> {
  const { isVerbose = false } = options;
  const world = new World(seed, options);
  const restore = installVirtualGlobals(new MachineClock(world.scheduler, 'page'), world.random.fork('globals'));
  const failures: string[] = [];
  const onUnhandled = (error: unknown): void =>
    void failures.push(`A rejection that nobody handled: ${String((error as Error)?.stack ?? error)}`);
  process.on('unhandledRejection', onUnhandled);
  try {
    await live(world, failures);
  } catch (error) {
    failures.push(`The simulation broke: ${(error as Error).stack}`);
  } finally {
    restore();
    process.off('unhandledRejection', onUnhandled);
  }
  const { ledger, scheduler, trace, faults, settings } = world;
  return {
    seed,
    failures,
    faults: faults.counts,
    chunks: ledger.chunks,
    runs: [...ledger.scripts.values()].flatMap((said) => said.map(({ chunks }) => chunks.length)),
    continued: ledger.continued,
    approvals: [...ledger.approvals.values()].filter(({ approved }) => approved !== undefined).length,
    uploads: ledger.uploads,
    devices: settings.devices,
    isCrowded: settings.crowd > 0,
    silences: ledger.silences,
    steered: [...ledger.steers.values()].filter(
      ({ outcome }) => outcome && 'outcome' in outcome && outcome.outcome === 'delivered',
    ).length,
    virtualMs: scheduler.now,
    steps: scheduler.steps,
    trace: failures.length > 0 || isVerbose ? trace.lines : [],
  };
}

async function live(world: World, failures: string[]): Promise<void> {
  const { ledger, scheduler, trace, settings } = world;
  trace.add('world', `seed ${world.seed}: ${JSON.stringify(settings)}`);
  const story = new Story(world);
  const endsAt = story.plan();
  await scheduler.run(() => false, endsAt);
  story.heal();
  await scheduler.run(() => false, endsAt + 30_000);
  story.resumeDisconnected();
  const tabs = () => story.devices.flatMap(({ tab }) => tab ?? []);
  const all = () => [...tabs(), ...(story.stranger ? [story.stranger] : [])];
  const isQuiet = () => tabs().every((tab) => !tab.isBusy);
  const rest = async (): Promise<void> => {
    // Quiet once may be a moment between two runs.
    const startedAt = scheduler.now;
    const deadline = () => Math.max(startedAt, ledger.silentUntil) + restMs;
    do {
      while (!(await scheduler.run(isQuiet, deadline()))) if (scheduler.now >= deadline()) return;
      await scheduler.run(() => false, scheduler.now + 20_000);
    } while (!isQuiet());
  };
  await rest();
  story.addWitness();
  await rest();
  await within(world, 'sweep', world.servers.find(({ alive }) => alive)?.handler.sweep());
  const before = tabs().map((tab) => ({ tab, requests: new Map(tab.network.requests) }));
  await scheduler.run(() => false, scheduler.now + afterwardsMs);
  for (const { tab, requests } of before) failures.push(...judgeCrowd(tab, requests, afterwardsMs));
  if (!isQuiet()) failures.push(`Not at rest ${restMs} ms after the last fault, or the last long silence.`);
  failures.push(...(await within(world, 'judge', judge(world, tabs()))), ...judgeStranger(story.stranger));

  for (const tab of all()) tab.close();
  const alive = world.servers.filter((server) => server.alive);
  await within(world, 'close', Promise.all(alive.map(({ handler }) => handler.runtime.close())));
  await scheduler.run(() => false, scheduler.now + 100);
  void world.log.close();
  await scheduler.run(() => false, scheduler.now + 15_000);
  // What has no owner is the world's own: the network's and the service's.
  const left = scheduler
    .pending()
    .filter(({ owner }) => owner !== '')
    .map(({ owner, at }) => `${owner} in ${Math.round(at - scheduler.now)} ms`);
  if (left.length > 0) failures.push(`Timers are left: ${left.join(', ')}.`);
  if (world.service.subscriptions.size > 0) failures.push('Subscriptions are left.');
  const bodies = all().reduce((sum, tab) => sum + tab.network.bodies.size, 0);
  if (bodies > 0) failures.push(`${bodies} bodies are left open.`);
}

/** Awaits what needs the virtual time to go on. */
async function within<T>({ scheduler }: World, what: string, work: Promise<T> | undefined): Promise<T> {
  let outcome: { value: T } | { error: unknown } | undefined;
  work?.then(
    (value) => {
      outcome = { value };
    },
    (error) => {
      outcome = { error };
    },
  );
  await scheduler.run(() => outcome !== undefined, scheduler.now + 60_000);
  if (outcome && 'value' in outcome) return outcome.value;
  throw new Error(`${what} does not end.`, { cause: outcome?.error });
}
