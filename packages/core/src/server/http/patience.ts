import type { SseText } from './sse-response.ts';

/** How long a long-poll still waits. */
export interface Patience {
  /** Milliseconds; 0 once something was sent. */
  left(): number;
  /** Something was sent: from now on only what is there already is. */
  sent(): void;
}

/** The patience of one `?wait` request. */
export function createPatience(now: () => number, waitMs: number): Patience {
  let until = now() + waitMs;
  return {
    left: () => Math.max(0, until - now()),
    sent: () => {
      until = Number.NEGATIVE_INFINITY;
    },
  };
}

/** Passes a stream's texts on and notes that they were sent. */
export async function* patiently(
  source: AsyncGenerator<SseText, unknown, void>,
  patience: Patience,
): AsyncGenerator<SseText, void, void> {
  for await (const text of source) {
    patience.sent();
    yield text;
  }
}
