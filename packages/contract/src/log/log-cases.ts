import { accessCases } from './access-cases.ts';
import { appendCases } from './append-cases.ts';
import { beginCases } from './begin-cases.ts';
import { cancelCases } from './cancel-cases.ts';
import { closeCases } from './close-cases.ts';
import { conversationCases } from './conversation-cases.ts';
import { deletionCases } from './deletion-cases.ts';
import { finishCases } from './finish-cases.ts';
import { leaseCases } from './lease-cases.ts';
import type { LogCase } from './log-case.ts';
import { readCases } from './read-cases.ts';
import { retentionCases } from './retention-cases.ts';
import { sharedCases } from './shared-cases.ts';
import { snapshotCases } from './snapshot-cases.ts';
import { stateCases } from './state-cases.ts';
import { steerCases } from './steer-cases.ts';
import { supportsCases } from './supports-cases.ts';
import { takeOverCases } from './take-over-cases.ts';
import { waitCases } from './wait-cases.ts';

/** Everything that a `RunLog` must do. */
export const runLogCases: readonly LogCase[] = [
  ...beginCases,
  ...appendCases,
  ...leaseCases,
  ...takeOverCases,
  ...cancelCases,
  ...steerCases,
  ...readCases,
  ...waitCases,
  ...stateCases,
  ...conversationCases,
  ...snapshotCases,
  ...accessCases,
  ...deletionCases,
  ...finishCases,
  ...retentionCases,
  ...sharedCases,
  ...closeCases,
  ...supportsCases,
];
