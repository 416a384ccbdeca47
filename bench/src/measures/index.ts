import type { Bench } from '../bench.ts';
import { overAbly } from './ably.ts';
import { bus } from './bus.ts';
import { bytes } from './bytes.ts';
import { capacity } from './capacity.ts';
import { cpu } from './cpu.ts';
import { fanOut } from './fan-out.ts';
import { firstToken } from './first-token.ts';
import { handOver } from './hand-over.ts';
import { isolation } from './isolation.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { reload } from './reload.ts';

/** Every measure, by the name that `--only` takes. */
export const measures: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  'first-token': firstToken,
  latency,
  bytes,
  reload,
  'fan-out': fanOut,
  cpu,
  memory,
  ably: overAbly,
  isolation,
  'hand-over': handOver,
  capacity,
  bus,
};
