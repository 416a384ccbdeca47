// What a project of each plan carries, counted in the database: `pnpm capacity`, `pnpm -s capacity --json`.
import { createChatRuntime } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { supabase, supabasePlans } from '../src/server.ts';
import { startPgliteProject } from '../test/support/pglite-project.ts';

const tokens = 500;
const tokensPerSecond = 50;
const devices = [1, 2, 5];

/** A model that says a word of about five letters per token, at an even pace. */
async function* answer(): AsyncGenerator<UIMessageChunk> {
  yield { type: 'start' };
  yield { type: 'start-step' };
  yield { type: 'text-start', id: '0' };
  const startedAt = performance.now();
  for (let token = 0; token < tokens; token += 1) {
    const waitMs = startedAt + (token * 1000) / tokensPerSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    yield { type: 'text-delta', id: '0', delta: 'words ' };
  }
  yield { type: 'text-end', id: '0' };
  yield { type: 'finish-step' };
  yield { type: 'finish', finishReason: 'stop' };
}

const { query, project, close } = await startPgliteProject();

/** Broadcasts of one answer: its start, its frames, its end. */
async function broadcastsOf(plan: keyof typeof supabasePlans): Promise<number> {
  const realtime = supabase({ query, plan });
  const runtime = createChatRuntime({ realtime, respond: () => answer() });
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

const seconds = tokens / tokensPerSecond;
const results = await Promise.all(
  (['free', 'pro'] as const).map(async (name) => {
    const plan = supabasePlans[name];
    const broadcasts = await broadcastsOf(name);
    const messages = (count: number): number => broadcasts * (1 + count);
    return {
      ...{ plan: name, tokens, tokensPerSecond, flushIntervalMs: plan.flushIntervalMs, broadcasts },
      concurrentAnswers: devices.map((count) => Math.floor((plan.messagesPerSecond * seconds) / messages(count))),
      answersPerMonth: devices.map((count) => Math.floor(plan.messagesPerMonth / messages(count))),
    };
  }),
);
await close();

const columns = (name: string): string => devices.map((count) => `${name} on ${count}`).join(' | ');
const table = [
  `| plan | broadcasts of an answer | ${columns('at once')} | ${columns('a month')} |`,
  `| --- | --- |${' --- |'.repeat(2 * devices.length)}`,
  ...results.map(
    ({ plan, broadcasts, concurrentAnswers, answersPerMonth }) =>
      `| ${plan} | ${broadcasts} | ${[...concurrentAnswers, ...answersPerMonth].map((each) => each.toLocaleString('en')).join(' | ')} |`,
  ),
];
const isJson = process.argv.includes('--json');
process.stdout.write(`${isJson ? JSON.stringify({ devices, results }, null, 2) : table.join('\n')}\n`);
