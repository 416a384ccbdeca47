import { describeCases } from '../stage/describe-cases.ts';
import type { ProviderContract } from '../stage/provider-case.ts';
import { transportCases } from './transport-cases.ts';

/**
 * Binds the transport suite to vitest: what the AI SDK's own chats show over a provider, through every part of the
 * stack. It takes what `describeProviderContract` takes, and is bound in the same way.
 */
export function describeTransportContract(contract: ProviderContract): void {
  describeCases(contract, 'the transport', transportCases);
}
