import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type LocalProcess, startProcess } from './local-process.ts';

const version = '5.2.0';
/** Where the program is kept once it was built. */
const root = join(homedir(), '.cache', 'chat-transport', `sockudo-${version}`);

/** An independent server that speaks Ably's protocol, without Ably's limits. */
export interface SockudoServer extends LocalProcess {
  /** The key of its app, `name:secret`. */
  readonly key: string;
  close(): Promise<void>;
}

/** The program: `SOCKUDO` names one, else it is what `buildSockudo` has made. */
function sockudoProgram(): string {
  return process.env.SOCKUDO ?? join(root, 'bin', 'sockudo');
}

/**
 * Builds the program with `cargo`, unless it exists. This takes 6 to 13 minutes on two cores, so it is a step of its own in front of the tests.
 * It needs Rust 1.95, and Debian's `protobuf-compiler` and `libprotobuf-dev`.
 */
export async function buildSockudo(): Promise<string> {
  const program = sockudoProgram();
  if (existsSync(program)) return program;
  if (process.env.SOCKUDO) throw new Error(`SOCKUDO names ${program}, which does not exist.`);
  const features = ['--no-default-features', '--features', 'local,v2,ably-compat'];
  const cargo = spawn('cargo', ['install', `sockudo@${version}`, '--locked', ...features, '--root', root], {
    env: {
      ...process.env,
      ...{ CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_OPT_LEVEL: '1' },
      ...{ CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16', CARGO_PROFILE_RELEASE_DEBUG: 'false' },
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [status] = await once(cargo, 'exit');
  if (status !== 0) throw new Error(`cargo did not build sockudo ${version} (status ${status}).`);
  return program;
}

/** Starts it with one app, in memory. */
export async function startSockudo(): Promise<SockudoServer> {
  const command = sockudoProgram();
  if (!existsSync(command)) throw new Error(`There is no ${command}. \`pnpm test:conformance\` builds it.`);
  const folder = await mkdtemp(join(tmpdir(), 'sockudo-'));
  const port = await freePort();
  const file = join(folder, 'sockudo.toml');
  await writeFile(file, configuration(port));
  const server = await startProcess({
    ...{ command, parameters: ['--config', file], port, folder },
    probe: { say: 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n', hear: 'HTTP/1.1 ' },
  });
  return {
    ...server,
    key: 'app1.key1:secret1',
    async close() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(port: number): string {
  return `
host = "127.0.0.1"
port = ${port}
mode = "development"
[app_manager]
driver = "memory"
[[app_manager.array.apps]]
id = "app1"
key = "app1.key1"
secret = "secret1"
enabled = true
[app_manager.array.apps.policy.limits]
max_connections = 1000
max_client_events_per_second = 1000
[app_manager.array.apps.policy.idempotency]
enabled = true
ttl_seconds = 120
[app_manager.array.apps.policy.connection_recovery]
enabled = true
[ably_compat]
enabled = true
[history]
enabled = true
rewind_enabled = true
backend = "memory"
[versioned_messages]
enabled = true
driver = "memory"
[metrics]
enabled = false
`;
}
