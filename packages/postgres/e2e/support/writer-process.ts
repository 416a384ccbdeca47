import { postgresLog } from '../../src/index.ts';
import { openPool, pgListen, pgQuery } from '../../test/support/pg.ts';

// A process that writes a run, says nothing, and reports when it hears that the run was stopped.
const { url, directUrl, chatId }: { url: string; directUrl: string | null; chatId: string } = JSON.parse(
  process.argv[2] ?? '',
);
const key = { chatId, runId: 'r' };
let look = (): void => {};
const looked = new Promise<void>((resolve) => {
  look = resolve;
});
let hear = (): void => {};
const heard = new Promise<void>((resolve) => {
  hear = resolve;
});
const query = pgQuery(openPool(url));
let hasBegun = false;
const log = postgresLog({
  async query(text, values) {
    const rows = await query(text, values);
    if (hasBegun) look();
    return rows;
  },
  ...(directUrl !== null && {
    listen: (channel, onNotice, onLost) =>
      pgListen(directUrl)(
        channel,
        (payload) => {
          hear();
          onNotice(payload);
        },
        onLost,
      ),
  }),
});
await log.begin({
  ...{ ...key, digest: 'd', messages: [], leaseMs: 60_000, fence: 'f' },
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
});
hasBegun = true;
const stopped = log.waitForCommand(key, 'f', { waitMs: 50_000 });
// It has looked at the run and waits, and its connection brings notices, before the test stops the run.
await looked;
if (directUrl !== null) await heard;
process.send?.('waiting');
process.send?.((await stopped).end?.reason ?? 'nothing');
process.on('disconnect', () => process.exit());
