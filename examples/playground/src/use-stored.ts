import { type Dispatch, type SetStateAction, useEffect, useState } from 'react';

/** State that a reload of this tab keeps. */
export function useStored<T>(key: string, initial: T): [T, Dispatch<SetStateAction<T>>] {
  const [value, setValue] = useState<T>(() => readStored(key) ?? initial);
  useEffect(() => {
    writeStored(key, value);
  }, [key, value]);
  return [value, setValue];
}

/** What this tab has stored under a key. */
export function readStored<T>(key: string): T | undefined {
  const text = sessionStorage.getItem(key);
  return text === null ? undefined : (JSON.parse(text) as T);
}

/** Stores a value for this tab. False where it is too large; then nothing is stored. */
export function writeStored(key: string, value: unknown): boolean {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    sessionStorage.removeItem(key);
    return false;
  }
}
