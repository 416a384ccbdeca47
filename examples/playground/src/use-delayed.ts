import { useEffect, useState } from 'react';

/** True once `isTrue` has been true for `delayMs`; false at once when it is not. */
export function useDelayed(isTrue: boolean, delayMs: number): boolean {
  const [isDue, setIsDue] = useState(false);
  useEffect(() => {
    if (!isTrue) return;
    const timer = setTimeout(() => setIsDue(true), delayMs);
    return () => {
      clearTimeout(timer);
      setIsDue(false);
    };
  }, [isTrue, delayMs]);
  return isTrue && isDue;
}
