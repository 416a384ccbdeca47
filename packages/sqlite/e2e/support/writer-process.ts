import { writeRun } from '../../../core/test/server/continuation/write-run.ts';
import { sqliteLog } from '../../src/index.ts';

/** A process that writes a run. Its arguments: how, as JSON, and the file of the log. */
const [, , options = '', path = ''] = process.argv;
const how = JSON.parse(options);
const log = sqliteLog({ path, now: () => Date.now() + how.aheadMs });
try {
  await writeRun(log, how);
} finally {
  await log.close();
}
