import type { ProviderCase } from '../stage/provider-case.ts';
import { cancelCases } from './cases/cancel-cases.ts';
import { chunkCases } from './cases/chunk-cases.ts';
import { deviceCases } from './cases/device-cases.ts';
import { handOverCases } from './cases/hand-over-cases.ts';
import { honestCases } from './cases/honest-cases.ts';
import { pageCases } from './cases/page-cases.ts';
import { reloadCases } from './cases/reload-cases.ts';
import { sendCases } from './cases/send-cases.ts';
import { serverCases } from './cases/server-cases.ts';
import { steerCases } from './cases/steer-cases.ts';

/** What `useChat` shows, on every device, and what its buttons do. */
export const transportCases: readonly ProviderCase[] = [
  ...sendCases,
  ...chunkCases,
  ...reloadCases,
  ...pageCases,
  ...deviceCases,
  ...cancelCases,
  ...steerCases,
  ...serverCases,
  ...handOverCases,
  ...honestCases,
];
