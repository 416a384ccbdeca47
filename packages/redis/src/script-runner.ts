import { createHash } from 'node:crypto';
import { ChatTransportError } from '@chat-transport/core/provider';
import type { RedisLogClient, ScriptInput } from './redis-client.ts';
import { prelude } from './scripts/prelude.ts';

/** The default of `callTimeoutMs`: how long Redis may take to answer, in milliseconds. */
export const defaultCallTimeoutMs = 5_000;

/** A Lua script and its digest, by which Redis knows it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function script(body: string): Script {
  const text = prelude + body;
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Runs a script on one key: one round trip, and a second one only where Redis has not seen the script before. */
export type RunScript = (script: Script, key: string, values: readonly (string | number)[]) => Promise<unknown>;

/** Every failure is a `ChatTransportError` `provider-failed`: no connection, no answer in time, a refusal of Redis. */
export function createScriptRunner(client: RedisLogClient, timeoutMs: number): RunScript {
  /** When Redis last answered anything, by `performance.now`. */
  let answeredAt = 0;
  // Nothing was answered since the call began: the connection is half-open, which the client cannot see, or Redis
  // hangs. A new one tells them apart.
  const reconnect = (): void => {
    if (client.isReady === false) return;
    client.destroy();
    client.connect().catch(() => {});
  };
  const commands = client.withCommandOptions({ timeout: timeoutMs, typeMapping: {} });
  const evaluate = async (called: Script, input: ScriptInput): Promise<unknown> => {
    try {
      return await commands.evalSha(called.sha, input);
    } catch (error) {
      if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) throw error;
      return commands.eval(called.text, input);
    }
  };
  return async (called, key, values) => {
    const calledAt = performance.now();
    try {
      const answer = await inTime(evaluate(called, { keys: [key], arguments: values.map(String) }), timeoutMs);
      answeredAt = performance.now();
      return answer;
    } catch (cause) {
      if (cause instanceof Late && answeredAt < calledAt) {
        answeredAt = performance.now();
        reconnect();
      }
      throw new ChatTransportError({ code: 'provider-failed', message: `redisLog failed: ${reasonOf(cause)}.`, cause });
    }
  };
}

class Late extends Error {}

/** The client's own timeout is for what was not sent yet; a server that hangs needs this one. */
function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Late(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** Redis's own word for a refusal (`OOM`, `READONLY` …). The text behind it may name keys and values. */
function reasonOf(cause: unknown): string {
  const message = String((cause as Error | undefined)?.message ?? cause);
  return /^[A-Z]{3,}(?= )/.exec(message)?.[0] ?? message;
}
