import { type RunRecord, recentRuns } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { appendAll, endedRun, newId, startRun, textFrame, userMessage } from './log-helpers.ts';

/** What a chat looks like from outside. */
export const stateCases: readonly LogCase[] = [
  {
    id: 'state/empty',
    title: 'shows a chat without runs as turn 0',
    async run({ log }) {
      expect(await log.state(newId('chat'))).toEqual({ turn: 0, runs: [], messages: [] });
    },
  },
  {
    id: 'state/active',
    title: 'shows the active run with its offset, and not once it is over',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a', 'b'));
      const run = { ...started.run, next: 2 };
      expect(await log.state(started.chatId)).toEqual({
        turn: 1,
        active: run,
        runs: [run],
        messages: started.init.messages,
      });
      await log.end(started, started.fence, { reason: 'finish' });
      const { active, runs } = await log.state(started.chatId);
      expect({ active, runs: runs.map(({ end }) => end) }).toEqual({ active: undefined, runs: [{ reason: 'finish' }] });
    },
  },
  {
    id: 'state/recent-runs',
    title: 'lists the newest 8 runs, oldest first',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      for (let turn = 2; turn <= recentRuns + 3; turn += 1) await endedRun(log, { chatId });
      const turns = (await log.state(chatId)).runs.map(({ turn }: RunRecord) => turn);
      expect(turns).toEqual(Array.from({ length: recentRuns }, (_, index) => index + 4));
    },
  },
  {
    id: 'state/messages',
    title: 'shows the conversation of the newest run',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      const messages = [userMessage('one'), userMessage('two')];
      await startRun(log, { chatId, messages });
      expect((await log.state(chatId)).messages).toEqual(messages);
    },
  },
];
