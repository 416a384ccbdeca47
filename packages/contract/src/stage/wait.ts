/** How long a case waits for what must come, in milliseconds. Generous: only a failure takes that long. */
const waitMs = 10_000;

/**
 * Waits until `condition` answers, or promises, something truthy, and answers it. After `limitMs` fails with what was
 * `seen` instead.
 */
export async function until<T>(
  what: string,
  condition: () => T | PromiseLike<T>,
  seen?: () => unknown,
  limitMs: number = waitMs,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) {
      throw new Error(`Not within ${limitMs} ms: ${what}. There was: ${JSON.stringify(seen?.() ?? value)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
