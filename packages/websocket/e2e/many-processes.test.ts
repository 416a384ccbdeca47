import { expect, test } from 'vitest';
import { until } from '../test/support/until.ts';
import { ChatServer, type Device } from './support/chat-server.ts';
import { sharedLogNames, sharedLogs } from './support/shared-logs.ts';

/** How much later than on the writer's process a word may arrive on another one, in milliseconds, in the median. */
const addedMs = 400;
const devices = 5;

const isEnd = (message: unknown): boolean => typeof message === 'string' && message.includes('"end":');

/** How long after it was said each word arrived, in milliseconds. */
function delays({ client, at }: Device): number[] {
  return client.received.flatMap((message, index) =>
    [...String(message).matchAll(/<(\d+)>/g)].map(([, saidAt]) => (at[index] as number) - Number(saidAt)),
  );
}

function median(all: readonly number[]): number {
  return [...all].sort((a, b) => a - b)[all.length >> 1] as number;
}

test.each(sharedLogNames)(
  'idle devices of another process on %s get start, words and end, and their process reads the log once for all of them',
  async (name) => {
    const address = await sharedLogs[name]();
    const [here, there] = await Promise.all([ChatServer.start(address), ChatServer.start(address)]);
    const near = await here.device();
    const far: Device[] = [];
    for (let count = 0; count < devices; count += 1) far.push(await there.device());
    const [hereBefore, thereBefore] = [await here.ask('counts'), await there.ask('counts')];

    for (const [index, runId] of ['r1', 'r2'].entries()) {
      await here.send(runId);
      await until(
        `the end of ${runId} everywhere`,
        () => [near, ...far].every(({ client }) => client.received.filter(isEnd).length === index + 1),
        { saw: () => far.map(({ client }) => client.received.slice(-3)) },
      );
    }

    const baseline = delays(near);
    expect(baseline).toHaveLength(120);
    for (const device of far) {
      expect(device.client.received.filter((message) => String(message).includes('"start":'))).toHaveLength(2);
      expect(delays(device)).toHaveLength(120);
      expect(median(delays(device)) - median(baseline)).toBeLessThan(addedMs);
    }
    // One read for each wake-up: one for each frame at most, and for each run one each for its start, its end, and what comes next.
    const frames = (await here.ask('counts')).appends - hereBefore.appends;
    expect((await there.ask('counts')).reads - thereBefore.reads).toBeLessThanOrEqual(frames + 2 * 3);
  },
);
