import { cancelCases } from './cases/cancel-cases.ts';
import { closeCases } from './cases/close-cases.ts';
import { credentialCases } from './cases/credential-cases.ts';
import { deliveryCases } from './cases/delivery-cases.ts';
import { deviceCases } from './cases/device-cases.ts';
import { fallbackCases } from './cases/fallback-cases.ts';
import { frameCases } from './cases/frame-cases.ts';
import { gapCases } from './cases/gap-cases.ts';
import { reloadCases } from './cases/reload-cases.ts';
import { sendCases } from './cases/send-cases.ts';
import { serverCases } from './cases/server-cases.ts';
import { sizeCases } from './cases/size-cases.ts';
import { slowCases } from './cases/slow-cases.ts';
import { steerCases } from './cases/steer-cases.ts';
import { supportsCases } from './cases/supports-cases.ts';
import type { ProviderCase } from './provider-case.ts';

/** Everything that every provider must do. */
export const providerCases: readonly ProviderCase[] = [
  ...deliveryCases,
  ...gapCases,
  ...reloadCases,
  ...fallbackCases,
  ...deviceCases,
  ...cancelCases,
  ...steerCases,
  ...sendCases,
  ...sizeCases,
  ...slowCases,
  ...serverCases,
  ...credentialCases,
  ...frameCases,
  ...closeCases,
  ...supportsCases,
];
