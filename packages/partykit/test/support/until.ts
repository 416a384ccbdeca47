/** Waits until `condition` answers something truthy, and answers it; after the deadline fails and says what there was instead. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: { readonly deadlineMs?: number; readonly saw?: () => unknown } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + (options.deadlineMs ?? 20_000);
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() > deadline) {
      throw new Error(`Waited for: ${what}. There was: ${JSON.stringify(options.saw?.() ?? answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
