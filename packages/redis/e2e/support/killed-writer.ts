import { createClient } from 'redis';
import { writeRun } from '../../../core/test/server/continuation/write-run.ts';
import { redisLog } from '../../src/index.ts';

/** A process that writes a run. Its arguments: how, as JSON, and the address of Redis. */
const [, , options = '', url = ''] = process.argv;
const how = JSON.parse(options);
const client = await createClient({ url }).connect();
const log = redisLog({ client, now: () => Date.now() + how.aheadMs });
try {
  await writeRun(log, how);
} finally {
  await log.close();
  client.destroy();
}
