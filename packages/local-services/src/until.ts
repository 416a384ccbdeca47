/** Waits until `condition` answers something truthy, and answers it. After `limitMs` fails with what it answered last, or with what was `seen`. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  seen?: () => unknown,
  limitMs = 20_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) {
      throw new Error(`Not within ${limitMs} ms: ${what}. There was: ${JSON.stringify(seen?.() ?? value)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
