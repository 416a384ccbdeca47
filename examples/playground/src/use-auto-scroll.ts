import { type RefObject, useLayoutEffect, useRef } from 'react';

const nearEndPixels = 60;

/** Keeps a list at its end while its content grows, unless its reader has scrolled up. */
export function useAutoScroll(): {
  readonly list: RefObject<HTMLElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly onScroll: () => void;
  readonly toEnd: () => void;
} {
  const list = useRef<HTMLElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  /** The heights at the last look: a scroll with other heights comes from the layout, and not from the reader. */
  const heights = useRef('');

  useLayoutEffect(() => {
    const element = list.current;
    if (!element || !content.current) return;
    const observer = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
      heights.current = heightsOf(element);
    });
    observer.observe(content.current);
    // The list shrinks where a keyboard opens.
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return {
    list,
    content,
    onScroll: () => {
      const element = list.current;
      if (!element) return;
      const isNearEnd = element.scrollHeight - element.scrollTop - element.clientHeight < nearEndPixels;
      const isReader = heights.current === heightsOf(element);
      atEnd.current = isNearEnd || (atEnd.current && !isReader);
    },
    toEnd: () => {
      atEnd.current = true;
    },
  };
}

function heightsOf({ scrollHeight, clientHeight }: HTMLElement): string {
  return `${scrollHeight} ${clientHeight}`;
}
