import { describeProviderContract, describeTransportContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { supabaseSupports as supports } from '../src/server.ts';
import { createHarness } from '../test/support/harness.ts';
import { type PostgresProject, startPostgresProject } from './support/postgres-project.ts';

let project: PostgresProject;
beforeAll(async () => {
  project = await startPostgresProject();
});
afterAll(() => project.close());

const contract = { name: 'supabase on Postgres', supports, createHarness: () => createHarness(project) };
describeProviderContract(contract);
describeTransportContract(contract);
