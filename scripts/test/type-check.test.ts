import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { readSnippets } from '../snippets.ts';
import { typeCheck } from '../type-check.ts';

const root = dirname(dirname(import.meta.dirname));
const check = (text: string): string[] => typeCheck(root, readSnippets('README.md', text).snippets);

it('accepts blocks that use the workspace, its dependencies and what a prelude declares', () => {
  const page = `
<!-- snippet: prelude
import type { RealtimeServer } from '@chat-transport/core/provider';
declare const server: RealtimeServer;
declare const shown: number;
declare function respond(): Promise<Response>;
-->
\`\`\`ts
import { generateId } from 'ai';
const shown: string = server.name + generateId();
export const POST = async () => respond();
\`\`\`
\`\`\`tsx
import { useState } from 'react';
export function Page() {
  const [count, setCount] = useState(shown);
  return <button onClick={() => setCount(count + 1)}>{server.name}</button>;
}
\`\`\`
`;
  expect(check(page)).toEqual([]);
});

it('names the file and line of a mistake in a block, in a prelude, and of a name nobody declared', () => {
  const page = `
<!-- snippet: prelude
declare const known: Unknown;
-->
\`\`\`ts
import { noSuchExport } from 'ai';
const wrong: string = 1;
missing();
\`\`\`
\`\`\`ts
import '@chat-transport/no-such-package';
import { ids } from '@chat-transport/core/no-such-door';
\`\`\`
`;
  expect(check(page)).toEqual([
    expect.stringMatching(/^README\.md:3:22: Cannot find name 'Unknown'/),
    expect.stringMatching(/^README\.md:6:10: .*noSuchExport/),
    expect.stringMatching(/^README\.md:7:7: Type 'number' is not assignable to type 'string'/),
    expect.stringMatching(/^README\.md:8:1: Cannot find name 'missing'/),
    expect.stringMatching(/^README\.md:11:8: Cannot find module|^README\.md:11:8: /),
    expect.stringMatching(/^README\.md:12:21: Cannot find module/),
  ]);
});
