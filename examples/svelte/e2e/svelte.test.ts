import { join } from 'node:path';
import { startNodeServer } from '@chat-transport/example-support/node-server';
import { describeTwoDevices } from '@chat-transport/example-support/two-devices';

// The server is the one of the Express example.
const examples = join(import.meta.dirname, '../..');
describeTwoDevices(() =>
  startNodeServer({ file: join(examples, 'express/server.ts'), page: join(import.meta.dirname, '../dist') }),
);
