import { readdirSync, readFileSync } from 'node:fs';

/** The ids of all processes whose command line contains `mark`, from `/proc`. Zombies have no command line. */
export function processesMarked(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(name, 'cmdline').includes(mark))
    .map(Number);
}

/** Sends SIGKILL to all processes whose command line contains `mark`, and waits until they hold no port and no file. */
export async function killMarked(mark: string): Promise<void> {
  const killed = new Set<number>();
  const isRunning = (pid: number): boolean => /\) [^ZX]/.test(read(String(pid), 'stat'));
  // A process may have started another one since the last look. One that ends loses its command line first, and its sockets later.
  for (;;) {
    const found = signalMarked(mark);
    for (const pid of found) killed.add(pid);
    if (found.length === 0 && ![...killed].some(isRunning)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Sends SIGKILL to all processes whose command line contains `mark`, without waiting. Returns their ids. */
export function signalMarked(mark: string): number[] {
  const pids = processesMarked(mark);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone.
    }
  }
  return pids;
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It is gone.
    return '';
  }
}
