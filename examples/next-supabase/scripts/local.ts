// The example on this machine alone: a Supabase project without Docker, and Next.js on PORT (3000).
import { runLocally } from '@chat-transport/example-support/run-locally';
import { startExample, startProject } from './example.ts';

await runLocally(async (port) => {
  const project = await startProject();
  const { url, close } = await startExample(port, project);
  return {
    url,
    note: 'sign up with any address and a password of six characters; everything is gone when this ends',
    close: () => Promise.all([close(), project.close()]),
  };
});
