import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '@chat-transport/local-services';
import { onTestFinished } from 'vitest';

/** The logs that several processes can share, and how a test gets the address of an empty one. */
export const sharedLogs = {
  'one SQLite file': async (): Promise<string> => {
    const folder = mkdtempSync(join(tmpdir(), 'many-processes-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return join(folder, 'log.sqlite');
  },
  'one Redis': async (): Promise<string> => {
    const server = await startRedis();
    onTestFinished(() => server.close());
    return server.url;
  },
} as const;

/** The names of the logs. */
export const sharedLogNames = Object.keys(sharedLogs) as (keyof typeof sharedLogs)[];
