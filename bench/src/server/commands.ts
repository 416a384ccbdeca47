import type { Emission } from '../model.ts';
import type { Published } from './contestant.ts';
import type { Stall } from './loop-watch.ts';

/** What the bench may ask a server's process. */
export interface Commands {
  /** The time that the process has computed since it began, in milliseconds. */
  cpu(): number;
  /** The JavaScript heap and what hangs on it, in bytes, after a garbage collection. */
  memory(): Promise<number>;
  emission(chatId: string): Emission;
  /** When the model was asked for the newest answer of each chat, on the machine's clock. */
  askedAt(): ReadonlyMap<string, number>;
  /** The newest run of a chat, as its contestant names it. */
  runOf(chatId: string): string;
  appends(): number[];
  published(): Published;
  broadcast(payloads: readonly string[], intervalMs: number): Promise<number[]>;
  release(): void;
  /** From now on, notes how long the event loop does not come round. */
  watchLoop(): void;
  /** The longest stall since `watchLoop`. */
  stall(): Stall;
}

export type Method = keyof Commands;

export interface CommandRequest {
  readonly id: number;
  readonly method: Method;
  readonly arguments: unknown[];
}

export type CommandAnswer =
  | { readonly ports: readonly number[] }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };
