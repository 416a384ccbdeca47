import { writeRun } from '../../../core/test/server/continuation/write-run.ts';
import { openLog } from './open-log.ts';

/** A process that writes a run. Its arguments: how, as JSON, and the address of Postgres. */
const [, , options = '', url = ''] = process.argv;
const how = JSON.parse(options);
const { log, close } = await openLog(url, how.aheadMs);
try {
  await writeRun(log, how);
} finally {
  await close();
}
