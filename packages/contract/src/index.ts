export { describeRunLogContract, type RunLogContract } from './log/describe-run-log-contract.ts';
export type { LogCase, LogHarness, LogSupports } from './log/log-case.ts';
export { runLogCases } from './log/log-cases.ts';
export { describeProviderContract } from './provider/describe-provider-contract.ts';
export type {
  CaseLog,
  DeviceTransportOptions,
  ProviderCase,
  ProviderContract,
  ProviderHarness,
  ProviderSupports,
  RealtimeLink,
  ServerHalf,
  ServerOptions,
} from './provider/provider-case.ts';
export { providerCases } from './provider/provider-cases.ts';
export { interruptible } from './provider/interruptible.ts';
export { type ModelCall, ScriptedModel } from './provider/scripted-model.ts';
export { TestChat } from './provider/test-chat.ts';
export { FaultProxy, type Faults, type ScriptStep } from './faults/fault-proxy.ts';
export type { FlowFaults } from './faults/flow.ts';
