import { postgresLog } from '../../src/index.ts';
import { openPool, pgListen, pgQuery } from '../../test/support/pg.ts';

// A process that writes a run, says nothing, and tells when it hears that the run was stopped.
const { url, directUrl, chatId }: { url: string; directUrl: string | null; chatId: string } = JSON.parse(
  process.argv[2] ?? '',
);
const log = postgresLog({
  query: pgQuery(openPool(url)),
  ...(directUrl !== null && { listen: pgListen(directUrl) }),
});
const key = { chatId, runId: 'r' };
await log.begin({
  ...{ ...key, digest: 'd', messages: [], onBusy: 'reject', leaseMs: 60_000, fence: 'f' },
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
});
const heard = log.waitForCommand(key, 'f', { waitMs: 50_000 });
// It waits, and listens or has polled, before the test stops it.
await new Promise((resolve) => setTimeout(resolve, 500));
process.send?.('waiting');
process.send?.((await heard).end?.reason ?? 'nothing');
process.on('disconnect', () => process.exit());
