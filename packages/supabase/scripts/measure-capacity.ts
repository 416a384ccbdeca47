import { createChatRuntime } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { supabase, supabasePlans } from '../src/server.ts';
import { type PgliteProject, startPgliteProject } from '../test/support/pglite-project.ts';
import { createIdleClock, type IdleClock } from './idle-clock.ts';

const tokens = 500;
const tokensPerSecond = 50;
const devices = [1, 2, 5];

/** A model that says a word of about five letters per token, at an even pace. */
async function* answer(clock: IdleClock): AsyncGenerator<UIMessageChunk> {
  yield { type: 'start' };
  yield { type: 'start-step' };
  yield { type: 'text-start', id: '0' };
  const startedAt = clock.now();
  for (let token = 0; token < tokens; token += 1) {
    const waitMs = startedAt + (token * 1000) / tokensPerSecond - clock.now();
    await new Promise<void>((resolve) => clock.setTimeout(resolve, waitMs));
    yield { type: 'text-delta', id: '0', delta: 'words ' };
  }
  yield { type: 'text-end', id: '0' };
  yield { type: 'finish-step' };
  yield { type: 'finish', finishReason: 'stop' };
}

/** Broadcasts of one answer: its start, its frames, its end. */
async function broadcastsOf(plan: keyof typeof supabasePlans, { query, project }: PgliteProject): Promise<number> {
  const clock = createIdleClock();
  const realtime = supabase({ query: (text, values) => clock.during(() => query(text, values)), plan });
  const runtime = createChatRuntime({ realtime, clock, respond: () => answer(clock) });
  const message = { id: 'm1', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
  const { done } = await runtime.start({ chatId: plan, messages: [message] });
  await done;
  await runtime.close();
  await realtime.log.close();
  const [row] = await project.database.query('select count(*)::text as count from realtime.messages where topic = $1', [
    realtime.channelName(plan),
  ]);
  return Number(row?.count);
}

/** What a project of one plan carries; figures of several chats are in the order of `devices`. */
interface PlanCapacity {
  readonly plan: keyof typeof supabasePlans;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly flushIntervalMs: number;
  /** Of one answer. */
  readonly broadcasts: number;
  readonly concurrentAnswers: readonly number[];
  readonly answersPerMonth: readonly number[];
}

/** What projects carry. */
export interface Capacity {
  /** Devices of each chat. */
  readonly devices: readonly number[];
  readonly results: readonly PlanCapacity[];
}

/**
 * What a project of each plan carries. The broadcasts of an answer are counted in a database; the model and the server have a clock that stands still while
 * the database works, so that a slow machine counts the same.
 */
export async function measureCapacity(): Promise<Capacity> {
  const at = await startPgliteProject();
  const results = await Promise.all(
    (['free', 'pro'] as const).map(async (name) => {
      const plan = supabasePlans[name];
      const broadcasts = await broadcastsOf(name, at);
      const messages = (count: number): number => broadcasts * (1 + count);
      const perAnswer = (plan.messagesPerSecond * tokens) / tokensPerSecond;
      return {
        ...{ plan: name, tokens, tokensPerSecond, flushIntervalMs: plan.flushIntervalMs, broadcasts },
        concurrentAnswers: devices.map((count) => Math.floor(perAnswer / messages(count))),
        answersPerMonth: devices.map((count) => Math.floor(plan.messagesPerMonth / messages(count))),
      };
    }),
  );
  await at.close();
  return { devices, results };
}

/** The same as the README's table. */
export function capacityTable({ results }: Capacity): string {
  const columns = (name: string): string => devices.map((count) => `${name} on ${count}`).join(' | ');
  const rows = results.map(({ plan, broadcasts, concurrentAnswers, answersPerMonth }) =>
    [plan, broadcasts, ...[...concurrentAnswers, ...answersPerMonth].map((each) => each.toLocaleString('en'))].join(
      ' | ',
    ),
  );
  const heading = `plan | broadcasts of an answer | ${columns('at once')} | ${columns('a month')}`;
  return [
    heading,
    Array(2 + 2 * devices.length)
      .fill('---')
      .join(' | '),
    ...rows,
  ]
    .map((row) => `| ${row} |`)
    .join('\n');
}
