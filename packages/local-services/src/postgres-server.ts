import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

/** How to start a Postgres. */
export interface PostgresOptions {
  /** More lines of `postgresql.conf`: `{ max_connections: 5 }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** The largest file that it may write, in kilobytes: a relation that would grow beyond it fails, as on a full disk. At least a WAL segment (16 MB). */
  readonly maxFileKilobytes?: number;
  /** The folder of the cluster, which must exist and be empty. Default: a new one in the system's folder for temporary files. */
  readonly folder?: string;
}

/** A Postgres of its own, with its cluster in a folder of its own. The superuser is `postgres`, without a password, from this machine only. */
export interface PostgresServer {
  readonly port: number;
  readonly url: string;
  /** Stops it as a crash would: every process ends at once, nothing is flushed, and the next start recovers from the WAL. Idempotent. */
  kill(): Promise<void>;
  /** Stops it as an administrator would (`pg_ctl stop -m fast`): it ends every session, and flushes. Idempotent. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Kills it and deletes its files. */
  close(): Promise<void>;
}

const debianFolder = '/usr/lib/postgresql';

/** The folder of the newest Postgres that Debian has installed (`apt-get install postgresql-15`). A machine without one fails here. */
function programFolder(): string {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder).sort((a, b) => Number(a) - Number(b)) : [];
  const newest = versions.at(-1);
  if (newest) return join(debianFolder, newest, 'bin');
  throw new Error(`There is no Postgres in ${debianFolder}: apt-get install postgresql-15`);
}

/** Postgres refuses to run as root: then the user that Debian made for it runs it. */
export function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (userInfo().uid !== 0) return {};
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** Starts Debian's Postgres on a free port. */
export async function startPostgres({
  settings = {},
  maxFileKilobytes,
  folder,
}: PostgresOptions = {}): Promise<PostgresServer> {
  const programs = programFolder();
  const root = folder ?? (await mkdtemp(join(tmpdir(), 'postgres-')));
  const user = unprivileged();
  if (user.uid !== undefined && user.gid !== undefined) chownSync(root, user.uid, user.gid);
  const data = join(root, 'data');
  const made = spawnSync(
    join(programs, 'initdb'),
    ['--pgdata', data, '--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--no-locale', '--no-sync'],
    { ...user, cwd: root, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
  const port = await freePort();
  const lines = Object.entries({
    ...{ port, listen_addresses: "'127.0.0.1'", unix_socket_directories: "''", shared_buffers: "'32MB'" },
    ...settings,
  });
  await writeFile(join(data, 'postgresql.auto.conf'), lines.map(([name, value]) => `${name} = ${value}\n`).join(''));

  let server: ChildProcess | undefined;
  let gone: Promise<void> = Promise.resolve();
  const onExit = (): void => void server?.kill('SIGQUIT');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    server?.kill(signal);
    await gone;
    server = undefined;
  };
  // SIGQUIT is Postgres' immediate shutdown, and SIGINT its fast one. SIGKILL would leave its other processes behind.
  const kill = (): Promise<void> => end('SIGQUIT');
  const start = async (): Promise<void> => {
    await kill();
    const limit = maxFileKilobytes === undefined ? '' : `ulimit -f ${maxFileKilobytes} && `;
    const started = spawn('/bin/bash', ['-c', `${limit}exec "$0" -D "$1"`, join(programs, 'postgres'), data], {
      ...user,
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    server = started;
    let output = '';
    let isOver = false;
    started.stderr.on('data', (bytes: Buffer) => {
      output = (output + bytes).slice(-10_000);
    });
    process.once('exit', onExit);
    gone = new Promise((resolve) => {
      const over = (): void => {
        isOver = true;
        process.off('exit', onExit);
        resolve();
      };
      started.once('error', over).once('close', over);
    });
    await until(
      'a Postgres that answers',
      () => {
        if (isOver) throw new Error(`Postgres does not start: ${output}`);
        return spawnSync(join(programs, 'pg_isready'), ['-h', '127.0.0.1', '-p', `${port}`]).status === 0;
      },
      () => output,
    );
  };
  await start();
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    kill,
    stop: () => end('SIGINT'),
    start,
    async close() {
      await kill();
      await rm(folder ? data : root, { recursive: true, force: true });
    },
  };
}
