import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@chat-transport/local-services';
import { onTestFinished } from 'vitest';
import type { FunctionSettings, LogSettings, Order, Report } from './function-process.ts';
import { type PushpinService, secret } from './pushpin-service.ts';

/** How long a process may take to report something, in milliseconds. It compiles this repository's source as it starts. */
const reportMs = 50_000;

/** A process of an app, and what it has reported. */
export interface FunctionProcess {
  /** `METHOD path` of every request, oldest first. */
  readonly requests: readonly string[];
  /** Asks for something, without waiting. */
  ask(order: Order): void;
  /** Waits until it has reported `kind`, and returns the first such report. */
  reported<Kind extends Report['report']>(kind: Kind): Promise<Extract<Report, { report: Kind }>>;
  /** Whether the model was called here. */
  hasAnswered(): boolean;
  /** Every socket that the process has open now, to whomever: the kernel's names of them. */
  sockets(): ReadonlySet<string>;
  /** Ends it as the kernel would (SIGKILL). */
  kill(): Promise<void>;
}

/** Starts a process of an app of its own. Pushpin asks it, until a newer one is started. */
export async function startFunction(
  service: PushpinService,
  log: LogSettings,
  options?: FunctionSettings['options'],
): Promise<FunctionProcess> {
  const settings: FunctionSettings = { gripUrl: service.gripUrl, secret, log, options };
  const child = fork(join(import.meta.dirname, 'function-process.ts'), [JSON.stringify(settings)], {
    execArgv: ['--conditions=@chat-transport/source'],
  });
  const reports: Report[] = [];
  child.on('message', (report: Report) => reports.push(report));
  onTestFinished(() => kill(child));
  const find = <Kind extends Report['report']>(kind: Kind) =>
    reports.find((each): each is Extract<Report, { report: Kind }> => each.report === kind);
  const reported: FunctionProcess['reported'] = async (kind) => {
    let found = find(kind);
    await until(
      `a function that reports "${kind}"`,
      () => {
        found = find(kind);
        return found !== undefined || child.exitCode !== null;
      },
      () => reports,
      reportMs,
    );
    if (!found) throw new Error(`The function ended with code ${child.exitCode}, and never reported "${kind}".`);
    return found;
  };
  const { port } = await reported('listening');
  service.attach({
    get listening() {
      return child.exitCode === null && child.signalCode === null;
    },
    address: () => ({ port }),
  });
  return {
    get requests() {
      return reports.flatMap((each) => (each.report === 'request' ? [each.request] : []));
    },
    ask: (order) => void child.send(order),
    reported,
    hasAnswered: () => find('model-called') !== undefined,
    sockets: () => socketsOf(child.pid ?? 0),
    kill: () => kill(child),
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** The sockets among the open files of a process, from `/proc`. */
function socketsOf(pid: number): Set<string> {
  const folder = `/proc/${pid}/fd`;
  const files = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(join(folder, name));
    } catch {
      // It was closed meanwhile.
      return '';
    }
  });
  return new Set(files.filter((file) => file.startsWith('socket:')));
}
