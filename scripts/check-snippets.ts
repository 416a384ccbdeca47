// Type-checks every ts and tsx block of the documents against the workspace's source, and compares what a page's blocks import with what
// the page installs: `pnpm check:snippets`.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { missingInstalls } from './install-lines.ts';
import { readSnippets } from './snippets.ts';
import { typeCheck } from './type-check.ts';

const root = dirname(import.meta.dirname);
const documents = globSync(
  ['*.md', 'docs/**/*.md', 'packages/*/README.md', 'examples/*/README.md', 'bench/README.md'],
  { cwd: root },
);
const found = documents.sort().map((document) => {
  const text = readFileSync(join(root, document), 'utf8');
  const { snippets, problems } = readSnippets(document, text);
  return { snippets, problems: [...problems, ...missingInstalls(document, text, snippets)] };
});
const snippets = found.flatMap((each) => each.snippets);
const problems = [...found.flatMap((each) => each.problems), ...typeCheck(root, snippets)];

for (const problem of problems) console.error(problem);
console.log(`${snippets.length} snippets in ${documents.length} documents, ${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;
