import { type RefObject, useLayoutEffect, useRef } from 'react';

const nearEndPixels = 60;

/** Keeps a list at its end while it grows, unless its reader has scrolled up. */
export function useAutoScroll(content: readonly unknown[]): {
  readonly ref: RefObject<HTMLElement | null>;
  readonly onScroll: () => void;
  readonly toEnd: () => void;
} {
  const ref = useRef<HTMLElement>(null);
  const atEnd = useRef(true);

  useLayoutEffect(() => {
    const element = ref.current;
    if (element && atEnd.current && content.length > 0) element.scrollTop = element.scrollHeight;
  }, [content]);

  return {
    ref,
    onScroll: () => {
      const element = ref.current;
      if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearEndPixels;
    },
    toEnd: () => {
      atEnd.current = true;
    },
  };
}
