import { ChatTransportError } from '@chat-transport/core/provider';
import { postgresLog } from '../../src/index.ts';
import { openPool, pgQuery } from '../../test/support/pg.ts';
import type { BeginReport, BeginTask } from './contention.ts';

// A process of its own that begins runs on one chat, one after the other, from the moment that it is asked to.
const { url, chatId, name, begins }: BeginTask = JSON.parse(process.argv[2] ?? '');
const pool = openPool(url, { max: 1 });
let statements = 0;
const query = pgQuery(pool);
const log = postgresLog({
  query: (text, values) => {
    statements += 1;
    return query(text, values);
  },
});
const report: BeginReport = { turns: [], tookMs: [], statements: [], failures: [] };
await log.state(chatId);
process.once('message', async () => {
  for (let index = 0; index < begins; index += 1) {
    const [began, asked] = [performance.now(), statements];
    try {
      const begun = await log.begin({
        ...{ chatId, runId: `${name}-${index}`, digest: 'd', messages: [], onBusy: 'interrupt' },
        ...{ leaseMs: 60_000, fence: name },
        start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
      });
      if (begun.type === 'started') report.turns.push(begun.run.turn);
      else report.failures.push(begun.type);
    } catch (error) {
      report.failures.push(ChatTransportError.isInstance(error) ? `${error.message} ${error.cause}` : String(error));
    }
    report.tookMs.push(performance.now() - began);
    report.statements.push(statements - asked);
  }
  process.send?.(report, () => process.exit());
});
process.send?.('ready');
