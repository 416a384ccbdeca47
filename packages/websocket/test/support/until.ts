/** Waits until `condition` answers something truthy, and answers it; after the deadline fails and says what there was instead. */
export async function until<T>(
  what: string,
  condition: () => T,
  options: { deadlineMs?: number; saw?: () => unknown } = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + (options.deadlineMs ?? 10_000);
  for (;;) {
    const answer = condition();
    if (answer) return answer;
    if (Date.now() > deadline) {
      throw new Error(`Waited for: ${what}. There was: ${JSON.stringify(options.saw?.() ?? answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
