// What the client costs in a browser, against its budgets: `pnpm size`, `pnpm -s size --json`.
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** `bytes` and `limitBytes` count minified and gzipped JavaScript, all chunks; with `above`, only what is added to that entry. */
interface Budget {
  readonly name: string;
  readonly package: string;
  readonly code: string;
  readonly above?: string;
  readonly limitBytes: number;
}

const core = "export { RealtimeChatTransport } from '@chat-transport/core';";
const supabaseJs = "export { createClient } from '@supabase/supabase-js';";
const ably = "export { Realtime } from 'ably';";
const partysocket = "export { PartySocket } from 'partysocket';";
const budgets: readonly Budget[] = [
  // Twice the 9.5 kB that were planned, and all of it is this project's own code: CONTRIBUTING.md says what takes it.
  { name: 'core', package: 'core', code: core, limitBytes: 19_250 },
  {
    name: 'core/react',
    package: 'core',
    code: `${core} export { syncChat } from '@chat-transport/core'; export { useRealtimeChat } from '@chat-transport/core/react';`,
    above: 'core',
    limitBytes: 3950,
  },
  {
    name: 'websocket',
    package: 'websocket',
    code: "export { RealtimeWebSocketTransport } from '@chat-transport/websocket';",
    above: 'core',
    // More than other providers: it is the vendor's client too (heartbeat, reconnect, a pool of sockets).
    limitBytes: 2300,
  },
  { name: 'core and partysocket', package: 'partykit', code: `${core} ${partysocket}`, limitBytes: 23_050 },
  {
    name: 'partykit',
    package: 'partykit',
    code: `${core} ${partysocket} export { PartyKitChatTransport } from '@chat-transport/partykit';`,
    above: 'core and partysocket',
    limitBytes: 1700,
  },
  {
    name: 'pusher',
    package: 'pusher',
    code: "export { PusherChatTransport } from '@chat-transport/pusher';",
    above: 'core',
    limitBytes: 800,
  },
  {
    name: 'fanout',
    package: 'fanout',
    code: "export { FanoutChatTransport } from '@chat-transport/fanout';",
    above: 'core',
    limitBytes: 1500,
  },
  {
    name: 'fanout over streams',
    package: 'fanout',
    code: "export { FanoutChatTransport, streamCarrier } from '@chat-transport/fanout';",
    above: 'core',
    // Both carriers: the one of streams decodes core's events and encodes them as the frames that core wants.
    limitBytes: 1950,
  },
  { name: 'core and supabase-js', package: 'supabase', code: `${core} ${supabaseJs}`, limitBytes: 78_000 },
  {
    name: 'supabase',
    package: 'supabase',
    code: `${core} ${supabaseJs} export { SupabaseChatTransport } from '@chat-transport/supabase';`,
    above: 'core and supabase-js',
    limitBytes: 1500,
  },
  // Most of this is the vendor's client; packages/ably/scripts/size.ts has its modular build too.
  { name: 'core and ably', package: 'ably', code: `${core} ${ably}`, limitBytes: 80_000 },
  {
    name: 'ably',
    package: 'ably',
    code: `${core} ${ably} export { AblyChatTransport } from '@chat-transport/ably';`,
    above: 'core and ably',
    limitBytes: 1500,
  },
];

async function measure(budget: Budget): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: budget.code, resolveDir: join(dirname(import.meta.dirname), 'packages', budget.package) },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@chat-transport/source', 'browser', 'module', 'import', 'production'],
    define: { 'process.env.NODE_ENV': '"production"' },
    // What an app of the AI SDK has anyway: `@ai-sdk/provider-utils` contains `eventsource-parser`.
    external: ['ai', '@ai-sdk/*', 'eventsource-parser', 'react'],
    outdir: 'memory',
    write: false,
    logLevel: 'error',
  });
  return outputFiles.reduce((total, file) => total + gzipSync(file.contents, { level: 9 }).length, 0);
}

const totals = new Map(await Promise.all(budgets.map(async (each) => [each.name, await measure(each)] as const)));
const results = budgets.map(({ name, above, limitBytes }) => {
  const totalBytes = totals.get(name) ?? 0;
  const bytes = totalBytes - (above ? (totals.get(above) ?? 0) : 0);
  return { name, ...(above && { above }), bytes, limitBytes, totalBytes, withinBudget: bytes <= limitBytes };
});
const withinBudget = results.every((each) => each.withinBudget);

if (process.argv.includes('--json')) console.log(JSON.stringify({ withinBudget, results }, null, 2));
else {
  for (const { name, above, bytes, limitBytes, withinBudget: within } of results) {
    const what = above ? `${name}, above ${above}` : name;
    console.log(
      `${within ? 'ok      ' : 'TOO LARGE'} ${what}: ${(bytes / 1000).toFixed(2)} kB of ${limitBytes / 1000} kB`,
    );
  }
}
if (!withinBudget) process.exitCode = 1;
