// What a page loads, minified and gzipped, with the full and with the modular build of `ably`: `pnpm size`.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const transport = "export { AblyChatTransport } from '@chat-transport/ably';";
const full = "export { Realtime } from 'ably';";
const modular = "export { BaseRealtime, FetchRequest, WebSocketTransport } from 'ably/modular';";
const cases = [
  ['`ably`, full', full],
  ['`ably/modular`', modular],
  ['`ably`, full, with the transport', `${full} ${transport}`],
  ['`ably/modular`, with the transport', `${modular} ${transport}`],
] as const;

async function measure(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    ...{
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      write: false,
      logLevel: 'error',
    },
    conditions: ['@chat-transport/source', 'browser', 'module', 'import', 'production'],
    define: { 'process.env.NODE_ENV': '"production"' },
    external: ['ai', '@ai-sdk/*', 'react'],
  });
  return outputFiles.reduce((total, { contents: bytes }) => total + gzipSync(bytes, { level: 9 }).length, 0);
}

const rows = await Promise.all(
  cases.map(async ([name, code]) => `| ${name} | ${((await measure(code)) / 1000).toFixed(1)} kB |`),
);
process.stdout.write(`${['| build | size |', '| --- | --- |', ...rows].join('\n')}\n`);
