import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { expectCode, startRun, within } from './log-helpers.ts';

/** The end of a log's life. */
export const closeCases: readonly LogCase[] = [
  {
    id: 'close/ends-waiting',
    title: 'ends every waiting call when it is closed, and closing twice is harmless',
    async run({ log }) {
      const started = await startRun(log);
      const waiting = Promise.all([
        log.read(started, { from: 0, waitMs: 60_000 }),
        log.state(started.chatId, { after: 1, waitMs: 60_000 }),
        log.waitForCommand(started, started.fence, { waitMs: 60_000 }),
      ]);
      await Promise.all([log.close(), log.close()]);
      const [read, state, news] = await within('the answers', waiting);
      expect(read).toEqual({ frames: [], run: started.run });
      expect(state.turn).toBe(1);
      expect(news).toEqual({ commands: [], cursor: 0 });
      await log.close();
    },
  },
  {
    id: 'close/refuses',
    title: 'refuses calls after it was closed with a clear error',
    async run({ log }) {
      const started = await startRun(log);
      await log.close();
      await expectCode('provider-failed', log.read(started, { from: 0, waitMs: 60_000 }));
      await expectCode('provider-failed', log.renew(started, started.fence));
    },
  },
];
