import { createHash } from 'node:crypto';
import type { Random } from './random.ts';
import type { MachineClock } from './scheduler.ts';

/**
 * Replaces what is neither seeded nor virtual in this thread: chance, time, and hashes that another thread computes.
 * It also covers the AI SDK, which takes none of them as an option.
 * @returns a function that puts everything back.
 */
export function installVirtualGlobals(clock: MachineClock, random: Random): () => void {
  const { setTimeout, clearTimeout } = globalThis;
  const { random: realRandom } = Math;
  const { now } = Date;
  const { timeout } = AbortSignal;
  Object.assign(globalThis, {
    setTimeout: (callback: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) =>
      clock.setTimeout(() => callback(...args), delayMs),
    clearTimeout: (timer: unknown) => clock.clearTimeout(timer),
  });
  Math.random = () => random.next();
  Date.now = () => clock.now();
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    clock.setTimeout(() => controller.abort(new DOMException('The time is up.', 'TimeoutError')), ms);
    return controller.signal;
  };
  const hex = (length: number) => Array.from({ length }, () => random.int(0, 15).toString(16)).join('');
  define(crypto, 'randomUUID', () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`);
  define(crypto.subtle, 'digest', async (_: string, data: Uint8Array) => {
    const hash = createHash('sha256').update(data).digest();
    return hash.buffer.slice(hash.byteOffset, hash.byteOffset + hash.byteLength);
  });
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    Math.random = realRandom;
    Date.now = now;
    AbortSignal.timeout = timeout;
    Reflect.deleteProperty(crypto, 'randomUUID');
    Reflect.deleteProperty(crypto.subtle, 'digest');
  };
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}
