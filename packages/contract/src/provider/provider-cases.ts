import type { ProviderCase } from '../stage/provider-case.ts';
import { closeCases } from './cases/close-cases.ts';
import { credentialCases } from './cases/credential-cases.ts';
import { deliveryCases } from './cases/delivery-cases.ts';
import { fallbackCases } from './cases/fallback-cases.ts';
import { frameCases } from './cases/frame-cases.ts';
import { gapCases } from './cases/gap-cases.ts';
import { publishCases } from './cases/publish-cases.ts';
import { sizeCases } from './cases/size-cases.ts';
import { slowCases } from './cases/slow-cases.ts';
import { supportsCases } from './cases/supports-cases.ts';

/** What a provider brings, and what becomes of it when the service fails. */
export const providerCases: readonly ProviderCase[] = [
  ...supportsCases,
  ...deliveryCases,
  ...gapCases,
  ...frameCases,
  ...fallbackCases,
  ...publishCases,
  ...sizeCases,
  ...slowCases,
  ...credentialCases,
  ...closeCases,
];
