export { type AblyEmulator, type AblyEmulatorOptions, startAblyEmulator } from './ably/ably-emulator.ts';
export type { AblyLimits } from './ably/limits.ts';
export { freePort } from './free-port.ts';
export { type LocalProcess, type LocalProgram, startProcess } from './local-process.ts';
export { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts';
export { type PusherApp, type SoketiOptions, type SoketiServer, startSoketi } from './soketi-server.ts';
export { until } from './until.ts';
