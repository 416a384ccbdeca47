// Builds the site into `dist`: `pnpm docs:build`. With `--serve`, a development server that follows changes: `pnpm run docs`.
import { rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { Application } from 'typedoc';
import { build, createServer } from 'vitepress';
import { checkLinks } from './check-links.ts';
import { collect, pagesFolder, root } from './collect.ts';
import { writeMarkdown } from './llms.ts';
import { pages } from './pages.ts';

const site = import.meta.dirname;
const serves = process.argv.includes('--serve');
process.chdir(site);
rmSync(pagesFolder, { recursive: true, force: true });

const problems = collect();
await writeReference();
if (serves) await serve();
else await buildSite();

async function writeReference(): Promise<void> {
  const app = await Application.bootstrapWithPlugins({ options: join(site, 'typedoc.config.mjs') });
  const project = await app.convert();
  if (!project) throw new Error('TypeDoc could not read the packages.');
  await app.generateOutputs(project);
}

async function buildSite(): Promise<void> {
  const outDir = join(site, 'dist');
  await build(site, { outDir });
  const count = writeMarkdown(outDir);
  const report = checkLinks(outDir, process.env.DOCS_BASE ?? '/');
  const all = [...problems, ...report.problems];
  for (const problem of all) console.error(problem);
  console.log(
    `${count} pages, ${report.links} links, ${all.length} problems, in ${Math.round(performance.now() / 1000)} s`,
  );
  if (all.length > 0) process.exitCode = 1;
}

async function serve(): Promise<void> {
  for (const problem of problems) console.error(problem);
  for (const { source } of pages) watch(join(root, source), () => void collect());
  const server = await createServer(site, { port: Number(process.env.PORT ?? 3000) });
  await server.listen();
  server.printUrls();
}
