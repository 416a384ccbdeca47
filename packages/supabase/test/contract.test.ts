import { describeProviderContract, describeTransportContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { supabaseSupports as supports } from '../src/server.ts';
import { createHarness } from './support/harness.ts';
import { startPgliteProject } from './support/pglite-project.ts';

let project: Awaited<ReturnType<typeof startPgliteProject>>;
beforeAll(async () => {
  project = await startPgliteProject();
});
afterAll(() => project.close());

const contract = { name: 'supabase on PGlite', supports, createHarness: () => createHarness(project) };
describeProviderContract(contract);
describeTransportContract(contract);
