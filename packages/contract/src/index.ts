export { describeRunLogContract, type RunLogContract } from './log/describe-run-log-contract.ts';
export type { LogCase, LogHarness, LogSupports } from './log/log-case.ts';
export { runLogCases } from './log/log-cases.ts';
export { describeProviderContract } from './provider/describe-provider-contract.ts';
export { describeTransportContract } from './transport/describe-transport-contract.ts';
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
} from './stage/provider-case.ts';
export { providerCases } from './provider/provider-cases.ts';
export { transportCases } from './transport/transport-cases.ts';
export { interruptible } from './stage/interruptible.ts';
export { type ModelCall, ScriptedModel } from './stage/scripted-model.ts';
export { BrowserPage } from './stage/browser-page.ts';
export { TestChat } from './stage/test-chat.ts';
export { FaultProxy, type Faults, type ScriptStep } from './faults/fault-proxy.ts';
export type { FlowFaults } from './faults/flow.ts';
