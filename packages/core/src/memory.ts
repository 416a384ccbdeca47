export { type MemoryLogOptions, memoryLog } from './log/memory-log.ts';
export type { Schedule } from './log/waiting.ts';
