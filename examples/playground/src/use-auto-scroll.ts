import { type RefObject, useLayoutEffect, useRef } from 'react';

const nearEndPixels = 60;

/** Where a list is, and whether it stays at its end. */
interface Place {
  readonly isAtEnd: boolean;
  readonly scrollTop: number;
  readonly scrollHeight: number;
}

/** Keeps a list at its end while its content grows, unless its reader has scrolled up. */
export function useAutoScroll(): {
  readonly list: RefObject<HTMLElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly onScroll: () => void;
  readonly toEnd: () => void;
} {
  const list = useRef<HTMLElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const place = useRef<Place>({ isAtEnd: true, scrollTop: 0, scrollHeight: 0 });

  useLayoutEffect(() => {
    const element = list.current;
    if (!element || !content.current) return;
    const observer = new ResizeObserver(() => {
      // The reader may have moved the list since the last event that said so.
      place.current = placeOf(element, place.current);
      if (!place.current.isAtEnd) return;
      element.scrollTop = element.scrollHeight;
      place.current = placeOf(element, place.current);
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
      if (list.current) place.current = placeOf(list.current, place.current);
    },
    toEnd: () => {
      place.current = { ...place.current, isAtEnd: true };
    },
  };
}

/** A list that grows stays where it is, and one that shrinks is moved to its end: only its reader moves it up and away from there. */
function placeOf({ scrollTop, scrollHeight, clientHeight }: HTMLElement, last: Place): Place {
  const isNearEnd = scrollHeight - scrollTop - clientHeight < nearEndPixels;
  const isMovedUp = scrollTop < last.scrollTop - 1 && scrollHeight >= last.scrollHeight;
  return { isAtEnd: isNearEnd || (last.isAtEnd && !isMovedUp), scrollTop, scrollHeight };
}
