import { createClient } from 'redis';
import { redisLog } from '../../src/index.ts';
import { begin, frame } from './runs.ts';

// A server process of its own. It begins a run, and then `floods` it with frames or `waits` for commands; each line that it prints is one JSON value.

const [, , url = '', mode] = process.argv;
const log = redisLog({ client: await createClient({ url }).connect() });
const run = await begin(log, { leaseMs: mode === 'flood' ? 1_500 : 60_000 });
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
say(run);
if (mode === 'wait') {
  const news = log.waitForCommand(run, run.fence, { waitMs: 60_000 });
  await log.state(run.chatId);
  say('waiting');
  say(await news);
}
const deltas = ['a', 'b', 'c'].map((letter) => letter.repeat(3_000));
for (let at = 0; mode === 'flood'; at += 3) {
  await log.append(run, run.fence, frame(at, ...deltas));
  say(at + 3);
}
