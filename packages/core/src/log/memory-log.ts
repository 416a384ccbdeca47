import { ChatTransportError } from '../errors.ts';
import { createMemoryStore } from './memory-store.ts';
import type { RunLog } from './run-log.ts';
import { createStoreLog } from './store-log.ts';
import type { Schedule } from './waiting.ts';

/** Options of `memoryLog`. */
export interface MemoryLogOptions {
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs */
  readonly retentionMs?: number;
  /** The log's clock, in milliseconds. @default Date.now */
  readonly now?: () => number;
  /** Timers of the waiting calls. @default setTimeout */
  readonly schedule?: Schedule;
  /** Starts also on a platform that answers each request in any of many processes. @default false */
  readonly allowServerless?: boolean;
}

/** Environment variables that show that the code runs on a platform with many processes. */
const serverlessVariables = [
  'VERCEL',
  'AWS_LAMBDA_FUNCTION_NAME',
  'NETLIFY',
  'K_SERVICE',
  'FUNCTIONS_WORKER_RUNTIME',
  'DENO_DEPLOYMENT_ID',
];

/**
 * A log in this process's memory, for one long-running process: nothing survives a restart, no other process sees it.
 * @throws ChatTransportError `misconfigured` on a platform of many processes, unless `allowServerless`.
 */
export function memoryLog(options: MemoryLogOptions = {}): RunLog {
  if (!options.allowServerless) refuseServerless();
  return createStoreLog({
    name: 'memoryLog',
    store: createMemoryStore({ now: options.now }),
    retentionMs: options.retentionMs,
    schedule: options.schedule,
  });
}

function refuseServerless(): void {
  // Some runtimes have no `process` at all.
  const variables = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
  const found = serverlessVariables.find((variable) => variables[variable]);
  if (!found) return;
  throw new ChatTransportError({
    code: 'misconfigured',
    message:
      `memoryLog keeps runs in one process, but ${found} says that this platform runs many. ` +
      'Use a log that they share (for example redisLog), or pass allowServerless: true.',
  });
}
