import { writeRun } from './write-run.ts';

/** A process that writes the run. Its arguments: the folder, behind which append it dies, and how far its clock is ahead, in milliseconds. */
const [, , folder = '', killAt = '0', aheadMs = '0'] = process.argv;
await writeRun({ folder, killAt: Number(killAt), aheadMs: Number(aheadMs) });
