import { ChatTransportError } from '@chat-transport/core/provider';
import { postgresLog } from '../../src/index.ts';
import { openPool, pgQuery } from '../../test/support/pg.ts';
import type { BeginReport, BeginTask } from './contention.ts';

// A process whose clients begin runs on one chat from the moment that it is asked to. Each has a log and a connection of its own, and begins one run after the
// other.
const { url, chatId, name, clients, begins }: BeginTask = JSON.parse(process.argv[2] ?? '');
const report: BeginReport = { turns: [], tookMs: [], statements: [], failures: [] };

async function openClient(client: string): Promise<() => Promise<void>> {
  const query = pgQuery(openPool(url, { max: 1 }));
  let statements = 0;
  const log = postgresLog({
    query: (text, values) => {
      statements += 1;
      return query(text, values);
    },
  });
  await log.state(chatId);
  return async () => {
    for (let index = 0; index < begins; index += 1) {
      const [began, asked] = [performance.now(), statements];
      try {
        const begun = await log.begin({
          // With a lease of 0 the run is over at once, and the next one may begin.
          ...{ chatId, runId: `${client}-${index}`, digest: 'd', messages: [], leaseMs: 0, fence: client },
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
  };
}

const opened = await Promise.all(Array.from({ length: clients }, (_, index) => openClient(`${name}-${index}`)));
process.once('message', async () => {
  await Promise.all(opened.map((begin) => begin()));
  process.send?.(report, () => process.exit());
});
process.send?.('ready');
