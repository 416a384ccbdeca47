import { until } from '@chat-transport/local-services';
import { expect, onTestFinished, test } from 'vitest';
import { type CarrierName, startPushpinService } from '../test/support/pushpin-service.ts';
import { type FunctionProcess, startFunction } from '../test/support/start-function.ts';
import { watchingDevices } from '../test/support/watching-device.ts';

const silenceMs = 20_000;
/** What asks the log and goes keeps its socket for less than this. What is held would stay for the whole silence. */
const heldMs = 10_000;

test('the function holds no connection while ten devices watch a silent answer over either carrier', {
  timeout: 180_000,
}, async () => {
  // Side by side, because each of them is silent for long.
  const longestMs = await Promise.all((['websocket', 'stream'] as const).map(silentAnswer));
  for (const ms of longestMs) expect(ms).toBeLessThan(heldMs);
});

/** How long any one socket was there in the silence, of a function and a Pushpin of its own. */
async function silentAnswer(carrier: CarrierName): Promise<number> {
  const service = await startPushpinService();
  onTestFinished(() => service.close());
  const app = await startFunction(service, { kind: 'memory' });
  // The port that it listens on, and the channel to this test.
  const own = app.sockets();
  const chatId = crypto.randomUUID();
  const devices = await watchingDevices(service, { chatId, carrier, count: 10 });
  app.ask({ order: 'start', chatId });
  await app.reported('model-called');
  app.ask({ order: 'say', text: 'one ' });
  await Promise.all(devices.map((device) => device.reads('one ')));
  const foreign = (): string[] => [...app.sockets()].filter((socket) => !own.has(socket));
  await until('no open socket', () => foreign().length === 0, foreign);
  const longestMs = await longestSocketMs(app, foreign);
  app.ask({ order: 'say', text: 'two' });
  app.ask({ order: 'finish' });
  await Promise.all(devices.map((device) => device.reads('one two')));
  return longestMs;
}

/** Looks at a silent function, and returns how long any one socket was there. */
async function longestSocketMs(app: FunctionProcess, open: () => string[]): Promise<number> {
  const began = performance.now();
  const firstSeen = new Map<string, number>();
  let longestMs = 0;
  await until(
    'the end of the silence',
    () => {
      const now = performance.now();
      for (const socket of open()) {
        firstSeen.set(socket, firstSeen.get(socket) ?? now);
        longestMs = Math.max(longestMs, now - (firstSeen.get(socket) ?? now));
      }
      return now - began > silenceMs;
    },
    () => app.requests,
    2 * silenceMs,
  );
  return longestMs;
}
