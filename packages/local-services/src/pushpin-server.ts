import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type LocalProcess, startProcess } from './local-process.ts';
import { until } from './until.ts';

/** Where Debian's package keeps what it includes. */
const libraryFolder = '/usr/lib/pushpin';
/**
 * A host whose origin refuses connections. Pushpin answers 502 for it once its parts have found each other, and no origin sees the request.
 */
const probedHost = 'no-origin.test';
/**
 * Up to 1.40, each publish restarts the timer behind Pushpin's limit of messages per second. While publishes come less than 25 ms apart, over all
 * channels, nothing is delivered; then everything is at once, and what a WebSocket's buffer does not hold is dropped. Without a limit there is no timer.
 * @source https://github.com/fastly/pushpin/blob/v1.36.0/src/handler/ratelimiter.cpp `setup` (read 2026-11-29)
 */
const noMessageRate = 0;
const signatureKey = 'what-this-pushpin-signs-its-requests-with';

/** A Pushpin of its own, in front of one server of this machine. */
export interface PushpinServer extends LocalProcess {
  /** Where it takes publishes, with what verifies its signature: a GRIP URL. */
  readonly gripUrl: string;
  /** Where it takes publishes. */
  readonly publishPort: number;
  /** What it signs requests with. */
  readonly signatureKey: string;
  /** Its files. The command lines of all its processes contain this path. */
  readonly folder: string;
  /** Kills it and deletes its files. */
  close(): Promise<void>;
}

/** Options of {@link startPushpin}. */
export interface PushpinOptions {
  /** Where clients connect. Default: a free port. */
  readonly httpPort?: number | undefined;
  /** Messages per second, of all channels. Pushpin's example configuration has 2500. @default 0: no limit */
  readonly messageRate?: number | undefined;
}

/**
 * Starts Debian's `pushpin` (`apt-get install pushpin`) on a free port, in front of the HTTP server on `originPort`. A machine without it fails here.
 * Debian leaves `zurl`, which makes the requests, to systemd; here Pushpin's own runner starts it, in the same folder.
 */
export async function startPushpin(originPort: number, options: PushpinOptions = {}): Promise<PushpinServer> {
  const { httpPort, messageRate = noMessageRate } = options;
  const folder = await mkdtemp(join(tmpdir(), 'pushpin-'));
  const [port, publishPort] = [httpPort ?? (await freePort()), await freePort()];
  const internal = await readFile(join(libraryFolder, 'internal.conf'), 'utf8');
  for (const name of ['run', 'log']) await mkdir(join(folder, name));
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  await write('internal.conf', internal.replaceAll('ipc:///var/run/zurl/zurl-', 'ipc://{rundir}/{ipc_prefix}zurl-'));
  await write('routes', `${probedHost} 127.0.0.1:1\n* 127.0.0.1:${originPort},over_http\n`);
  await write('pushpin.conf', configuration(folder, port, publishPort, messageRate));
  // Its parts start one by one. It is ready when the last one takes publishes and its parts know each other.
  const ready = async (): Promise<void> => {
    const publish = `http://127.0.0.1:${publishPort}/publish/`;
    const takes = (): Promise<boolean> =>
      fetch(publish, { method: 'POST', body: '{"items":[]}' }).then(
        (response) => response.text().then(() => response.ok),
        () => false,
      );
    await until('a Pushpin that takes publishes', takes);
    await until('a Pushpin whose parts know each other', async () => (await statusOf(port, probedHost)) === 502);
  };
  const server = await startProcess({
    command: 'pushpin',
    parameters: [`--config=${join(folder, 'pushpin.conf')}`],
    port,
    // Its runner gives each part a process group of its own. All of them have a path of this folder in their command line.
    mark: `${folder}/`,
    probe: { say: 'GET / HTTP/1.0\r\n\r\n', hear: 'HTTP/' },
  });
  await ready();
  return {
    ...server,
    async start() {
      await server.start();
      await ready();
    },
    publishPort,
    signatureKey,
    folder,
    gripUrl: `http://127.0.0.1:${publishPort}?${new URLSearchParams({ 'verify-iss': 'pushpin', 'verify-key': signatureKey })}`,
    async close() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function statusOf(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', headers: { host }, agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    }).once('error', reject);
  });
}

function configuration(folder: string, port: number, publishPort: number, messageRate: number): string {
  return `[global]
include=${folder}/internal.conf
rundir=${folder}/run
ipc_prefix=pushpin-
port_offset=0

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:${port}
logdir=${folder}/log
log_level=2
client_buffer_size=8192
client_maxconn=1000
condure_bin=condure
zurl_bin=zurl

[proxy]
routesfile=${folder}/routes
sig_iss=pushpin
sig_key=${signatureKey}

[handler]
push_in_spec=ipc://{rundir}/push-in
push_in_sub_specs=ipc://{rundir}/push-in-sub
command_spec=ipc://{rundir}/command
push_in_http_addr=127.0.0.1
push_in_http_port=${publishPort}
push_in_http_max_headers_size=10000
push_in_http_max_body_size=1000000
message_rate=${messageRate}
message_wait=5000
id_cache_ttl=60
connection_subscription_max=20
subscription_linger=60
`;
}
