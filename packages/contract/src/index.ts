export { describeRunLogContract, type RunLogContract } from './log/describe-run-log-contract.ts';
export type { LogCase, LogHarness, LogSupports } from './log/log-case.ts';
export { runLogCases } from './log/log-cases.ts';
