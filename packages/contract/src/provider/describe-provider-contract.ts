import { describeCases } from '../stage/describe-cases.ts';
import type { ProviderContract } from '../stage/provider-case.ts';
import { providerCases } from './provider-cases.ts';

/**
 * Binds the provider suite to vitest: what a provider brings, in which order and to whom, and what happens when its
 * service fails. One test per case, each with a service, a log and servers of its own that are disposed of whatever
 * happens. The suite's title says how many cases were left out for want of what.
 */
export function describeProviderContract(contract: ProviderContract): void {
  describeCases(contract, 'the provider', providerCases);
}
