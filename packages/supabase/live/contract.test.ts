import { describeProviderContract, describeTransportContract } from '@chat-transport/contract';
import { afterAll, beforeAll } from 'vitest';
import { supabaseSupports as supports } from '../src/server.ts';
import { createHarness } from '../test/support/harness.ts';
import { type LiveProject, openLiveProject } from './support/live-project.ts';

let project: LiveProject;
beforeAll(async () => {
  project = await openLiveProject(process.env);
});
afterAll(() => project.close());

const contract = { name: 'supabase, a live project', supports, createHarness: () => createHarness(project) };
describeProviderContract(contract);
describeTransportContract(contract);
