/** React Native's `AppState`, as far as the example uses it, and `moveTo`, which is the phone. */
const listeners = new Set<(state: string) => void>();

export const AppState = {
  addEventListener(_type: 'change', listener: (state: string) => void): { remove(): void } {
    listeners.add(listener);
    return { remove: () => listeners.delete(listener) };
  },
};

export function moveTo(state: 'active' | 'background'): void {
  for (const listener of listeners) listener(state);
}
