import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { until } from '../../stage/wait.ts';

const malformed = [
  '{',
  '[]',
  'null',
  '{"run":"x","turn":1,"at":0,"next":1}',
  '{"v":1,"run":"x","turn":1,"at":0,"next":1,"chunks":[{}]}',
  '{"v":1,"run":"x","turn":1,"at":1,"next":1,"chunks":[]}',
  '{"v":1,"run":"x","turn":1,"at":0,"next":4,"packed":[["text-delta","0","a","b"]]}',
  '{"v":1,"run":"x","turn":1,"at":0,"next":2,"packed":[["start","0","a","b"]]}',
  '{"v":1,"run":"../x","turn":1,"at":0,"next":1}',
  '{"v":1,"run":"x","turn":1,"at":0,"end":{"reason":"because"}}',
];

/** Messages on the channel that core did not write. */
export const frameCases: readonly ProviderCase[] = [
  {
    id: 'frames/malformed',
    title: 'drops and reports what is not a frame, and goes on',
    lacks: ['ownLog'],
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      const { realtime } = stage.server;
      const signal = AbortSignal.timeout(10_000);
      for (const [index, data] of malformed.entries()) {
        await realtime.publish(realtime.channelName('c'), data, signal, `malformed-${index}`);
      }
      const dropped = () => device.events.filter(({ type }) => type === 'malformed-frame').length;
      await until('the dropped frames', () => dropped() === malformed.length, dropped);
      call.say('two');
      call.finish();
      await done;
      expect(chat.text).toBe('one two');
      stage.expectInStep(chat);
    },
  },
  {
    id: 'frames/newer-server',
    title: 'ignores what a newer server adds, and reports it once',
    lacks: ['ownLog'],
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      const { realtime } = stage.server;
      const signal = AbortSignal.timeout(10_000);
      const { runId, turn } = call.input;
      const base = { v: 1, run: runId, turn };
      const unknown = [
        { ...base, presence: { typing: true } },
        { ...base, v: 2, at: 0, next: 1 },
      ];
      // A known frame with more in it: the end is what a reader would notice, if it took this for something else.
      const grown = { ...base, at: 0, next: 1, chunks: [{ type: 'start' }], sentAt: 1 };
      for (const [index, frame] of [...unknown, ...unknown, grown].entries()) {
        await realtime.publish(realtime.channelName('c'), JSON.stringify(frame), signal, `frame-${index}`);
      }
      // A service may deliver after it has confirmed a publish; the response does not wait for it.
      await until('a report', () => device.events.some(({ type }) => type === 'unknown-frame'));
      call.say('two');
      call.finish();
      await done;
      expect(chat.text).toBe('one two');
      const reports = device.events.filter(({ type }) => type === 'unknown-frame' || type === 'malformed-frame');
      expect(reports.map(({ type }) => type)).toEqual(['unknown-frame']);
      stage.expectInStep(chat);
    },
  },
  {
    id: 'frames/other-run',
    title: 'adds nothing to the answer that belongs to another run or has arrived before',
    lacks: ['ownLog'],
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      const { realtime } = stage.server;
      const { runId } = call.input;
      const forged = [{ type: 'text-delta', id: '0', delta: 'forged ' }];
      const frames = [
        { v: 1, run: 'another', turn: 1, at: 0, next: 1, chunks: forged },
        { v: 1, run: runId, turn: 1, at: 0, next: 1, chunks: forged },
        { v: 1, run: 'another', turn: 1, at: 4, end: { reason: 'cancel' } },
      ];
      const signal = AbortSignal.timeout(10_000);
      for (const [index, frame] of frames.entries()) {
        await realtime.publish(realtime.channelName('c'), JSON.stringify(frame), signal, `forged-${index}`);
      }
      call.say('two');
      call.finish();
      await done;
      expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: one two'], status: 'ready' });
      stage.expectInStep(chat);
    },
  },
  {
    id: 'frames/old-end',
    title: 'does not end an answer for the end of an earlier one that comes late',
    lacks: ['ownLog'],
    async run(stage) {
      const device = await stage.device();
      const chat = device.synced('c');
      await device.reaches('c', 'realtime');
      void chat.sendMessage({ text: 'hi' });
      const first = await stage.model.call();
      first.say('one');
      first.finish();
      await stage.shows(chat, 'one');
      await stage.idle(chat);
      void chat.sendMessage({ text: 'more' });
      const second = await stage.model.call(1);
      second.say('two ');
      await stage.shows(chat, 'two');
      const { realtime } = stage.server;
      const late = { v: 1, run: first.input.runId, turn: 1, at: 4, end: { reason: 'cancel' } };
      await realtime.publish(realtime.channelName('c'), JSON.stringify(late), AbortSignal.timeout(10_000), 'late');
      second.say('three');
      await stage.shows(chat, 'three');
      second.finish();
      await stage.idle(chat);
      expect(chat.texts).toEqual(['user: hi', 'assistant: one', 'user: more', 'assistant: two three']);
      stage.expectInStep(chat);
    },
  },
];
