import { ChatTransportError } from '../errors.ts';
import type { RunKey } from './run-log.ts';

/** A call for a run that the log does not know. */
export function unknownRun({ runId }: RunKey): ChatTransportError {
  return new ChatTransportError({ code: 'not-found', message: `This chat has no answer with the run id ${runId}.` });
}

/** A read of a run whose frames are deleted. */
export function expiredRun({ runId }: RunKey): ChatTransportError {
  return new ChatTransportError({
    code: 'log-expired',
    message: `This answer is no longer available: the server has deleted run ${runId}.`,
  });
}

/** A read that does not start where a frame does. */
export function insideFrame(from: number): ChatTransportError {
  return new ChatTransportError({
    code: 'invalid-offset',
    message: `Offset ${from} is inside a frame: read from its start.`,
  });
}

/** An append that is neither the next frame nor the last one again. */
export function wrongOffset(at: number, next: number): ChatTransportError {
  return new ChatTransportError({
    code: 'protocol',
    message: `A frame at ${at} cannot follow: the next offset is ${next}.`,
  });
}
