import { createChatHandler } from '@chat-transport/core/server';
import { expect } from 'vitest';
import type { Device } from '../../stage/device.ts';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import { until } from '../../stage/wait.ts';

/**
 * How long the devices wait before they fetch what realtime or a response has not brought. Far above what a busy
 * machine takes: what these cases look for is fetched after any wait, because it never comes.
 */
const patient = { graceMs: 5000, gapMs: 5000, quietMs: 5000, silenceMs: 5000, firstByteMs: 30_000, stallMs: 30_000 };

/** The manifest is true: what it says is there, and what it says is lacking is. */
export const supportsCases: readonly ProviderCase[] = [
  {
    id: 'supports/own-log',
    title: 'keeps the log itself, as its manifest says',
    requires: ['ownLog'],
    async run(stage) {
      expect(stage.server.realtime.log).toBeDefined();
    },
  },
  {
    id: 'supports/no-own-log',
    title: 'keeps no log, and a server without one does not start',
    lacks: ['ownLog'],
    async run(stage) {
      const { realtime } = stage.server;
      expect(realtime.log).toBeUndefined();
      const start = () => createChatHandler({ realtime, authorize: () => true, respond: stage.model.respond });
      expect(start).toThrow(/log/);
    },
  },
  {
    id: 'supports/commands',
    title: 'carries a stop over the service, without a request',
    requires: ['clientCommands'],
    async run(stage) {
      // A receipt that comes late on a busy machine is not one that is lost: the stop would be posted.
      const { device, chat, call, done } = await stage.sent('hi', { timings: { firstByteMs: 10_000 } });
      await device.reaches('c', 'realtime');
      call.say('part ');
      await stage.shows(chat, 'part');
      device.http.cut();
      // A busy machine may have interrupted the service meanwhile, and stops then go by a request.
      await device.reaches('c', 'realtime');
      await chat.stop();
      await until('a stopped model', () => call.aborted);
      await done;
      expect(stage.server.requests.filter((each) => each.includes('/command'))).toEqual([]);
    },
  },
  {
    id: 'supports/no-commands',
    title: 'carries no stop, which goes by a request',
    lacks: ['clientCommands'],
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('part ');
      await stage.shows(chat, 'part');
      await chat.stop();
      await until('a stopped model', () => call.aborted);
      await done;
      expect(stage.server.requests.filter((each) => each.includes('/command'))).toHaveLength(1);
    },
  },
  {
    id: 'supports/ordered',
    title: 'delivers in order, so that nothing has to be fetched',
    requires: ['ordered'],
    async run(stage) {
      const device = await stage.device({ timings: patient });
      const { offsets, fetches } = await follows(stage, device);
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      expect(fetches).toEqual([]);
    },
  },
  {
    id: 'supports/not-ordered',
    title: 'puts in order what comes in no order, without fetching it',
    lacks: ['ordered'],
    async run(stage) {
      // A service may keep the order for as long as the suite looks: on its way to the device it is lost for certain.
      const device = await stage.device({ timings: patient });
      device.swapMessages();
      const { offsets, fetches } = await follows(stage, device);
      const overtaken = offsets.filter((at, index) => at < (offsets[index - 1] ?? 0)).length;
      expect(overtaken, 'messages that the suite could swap').toBeGreaterThan(0);
      expect(fetches).toEqual([]);
      expect(device.connection('c').path).toBe('realtime');
      expect(device.events).toEqual([]);
    },
  },
  {
    id: 'supports/channels',
    title: 'gives every chat a channel of its own',
    async run({ server: { realtime } }) {
      const ids = ['a', 'A', 'a-b', 'a_b', 'a-', '-a', '_', 'a'.repeat(128), `${'a'.repeat(127)}b`, 'private-a', '0'];
      expect(new Set(ids.map((id) => realtime.channelName(id))).size).toBe(ids.length);
    },
  },
];

/**
 * A device that is shown another one's answer over realtime: where the parts of it came, and what was fetched
 * meanwhile.
 */
async function follows(
  stage: Stage,
  device: Device,
): Promise<{ readonly offsets: readonly number[]; readonly fetches: readonly string[] }> {
  const chat = device.synced('c');
  await device.reaches('c', 'realtime');
  // The sender's requests count too: it must not fetch because it waits for a busy machine.
  const sender = await stage.sent('hi', { timings: patient });
  sender.call.say('go ');
  await stage.shows(chat, 'go');
  const offsets = device.arrivals('c');
  const requests = stage.server.requests.length;
  // While a log over the network takes one part, many more words come together in the next one: go on until there are
  // parts.
  const deadline = performance.now() + 10_000;
  for (let index = 0; index < 200 || (offsets.length < 20 && performance.now() < deadline); index += 1) {
    sender.call.paragraph();
    sender.call.say(`${index} `);
    await sender.call.drained();
    await new Promise((resolve) => setTimeout(resolve));
  }
  sender.call.finish();
  await sender.done;
  await stage.idle(chat);
  stage.expectInStep(sender.chat, chat);
  return { offsets, fetches: stage.server.requests.slice(requests).filter((each) => each.includes('from=')) };
}
