import type { Server } from 'node:http';
import type { ScriptedModel } from '../model.ts';

/** Who runs in one bench. `bare-websocket` and `bare-http` have no chat: fan-out and many readers are measured beside them. */
export const contestantNames = [
  'stock-sse',
  'stock-websocket',
  'immediate',
  'immediate-sqlite',
  'coalesced',
  'bare-websocket',
  'bare-http',
  'sse-memory',
  'sse-sqlite',
  'sse-redis',
  'resumable-stream',
  'shared-sqlite',
  'shared-redis',
  'ably',
  'ably-ai-transport',
] as const;

export type ContestantName = (typeof contestantNames)[number];

/** Messages of a realtime service; times on the machine's clock. */
export interface Published {
  readonly bytes: number;
  readonly times: readonly number[];
}

/** One server under measurement. */
export interface Contestant {
  /** The first address is the senders', the second one, where there is one, the watching devices': so that their bytes can be told apart. */
  readonly servers: readonly Server[];
  /** How long each append took since the last call, in milliseconds. */
  appends?(): number[];
  /** What was handed to the realtime service since the last call: what a metered service counts. */
  published?(): Published;
  /** Sends each payload to every socket, one every `intervalMs`; answers when each one left. */
  broadcast?(payloads: readonly string[], intervalMs: number): Promise<number[]>;
}

export type MakeContestant = (model: ScriptedModel) => Contestant;
