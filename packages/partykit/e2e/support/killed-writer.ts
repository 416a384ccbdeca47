import { writeRun } from '../../../core/test/server/continuation/write-run.ts';
import { partykitServer } from '../../src/remote.ts';
import { secret } from '../../test/support/secret.ts';

/** A process that writes a run, with its log in a Durable Object. Its arguments: how, as JSON, and the address of the routes. */
const [, , options = '', url = ''] = process.argv;
const { log } = partykitServer({ url, secret });
try {
  await writeRun(log, JSON.parse(options));
} finally {
  await log.close();
}
