import { chownSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type LocalProcess, startProcess } from './local-process.ts';
import { unprivileged } from './postgres-server.ts';

/** A connection pooler in front of a Postgres. */
export interface PgbouncerServer extends LocalProcess {
  readonly url: string;
  /** Kills it and deletes its files. */
  close(): Promise<void>;
}

/** A Postgres start-up message (protocol 3.0) of the user `postgres`, with its length in front. */
const body = '\0\x03\0\0user\0postgres\0database\0postgres\0\0';
const startUp = `\0\0\0${String.fromCharCode(body.length + 4)}${body}`;

/** Starts Debian's `pgbouncer` (`apt-get install pgbouncer`) in transaction mode in front of the Postgres on `postgresPort`. */
export async function startPgbouncer(
  postgresPort: number,
  { poolSize = 5 }: { readonly poolSize?: number } = {},
): Promise<PgbouncerServer> {
  const folder = await mkdtemp(join(tmpdir(), 'pgbouncer-'));
  const port = await freePort();
  const users = join(folder, 'users.txt');
  const configuration = join(folder, 'pgbouncer.ini');
  await writeFile(users, '"postgres" ""\n');
  const lines = [
    '[databases]',
    `* = host=127.0.0.1 port=${postgresPort} user=postgres`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `auth_file = ${users}`,
    'pool_mode = transaction',
    `default_pool_size = ${poolSize}`,
    'max_client_conn = 200',
    'ignore_startup_parameters = extra_float_digits',
  ];
  await writeFile(configuration, `${lines.join('\n')}\n`);
  const user = unprivileged();
  if (user.uid !== undefined && user.gid !== undefined) {
    for (const path of [folder, users, configuration]) chownSync(path, user.uid, user.gid);
  }
  const server = await startProcess({
    command: '/usr/sbin/pgbouncer',
    parameters: [configuration],
    port,
    ...user,
    // `R`: an authentication message.
    probe: { say: startUp, hear: 'R' },
  });
  return {
    ...server,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async close() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
