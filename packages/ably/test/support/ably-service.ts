import { type AblyEmulator, startAblyEmulator } from '@chat-transport/local-services';
import type { ClientOptions } from 'ably';
import { localOptions } from './harness.ts';

/** A service that speaks Ably's protocol. */
export interface AblyService {
  readonly name: string;
  readonly port: number;
  readonly key: string;
  /** How the vendor's client finds it. */
  readonly options: ClientOptions;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** The emulator, with heartbeats that are short enough for a test. */
export async function startService(): Promise<AblyService & { readonly emulator: AblyEmulator }> {
  const emulator = await startAblyEmulator({ limits: { maxIdleMs: 300 } });
  return {
    name: 'emulator',
    emulator,
    port: emulator.port,
    key: emulator.keys[0] ?? '',
    options: localOptions('127.0.0.1', emulator.port),
    async restart() {
      await emulator.kill();
      await emulator.start();
    },
    close: () => emulator.close(),
  };
}
